"""How many attempts an executor hands over, beyond those that its workers can run at once."""

from __future__ import annotations

from airflow_lite.api.executor.pace import BRISK_S, LATE_S, MOST_DEPTH, SOON_S, Pace


def test_more_wait_while_they_are_over_soon_and_fewer_when_they_are_late():
    pace = Pace()
    for _ in range(40):
        pace.ended(SOON_S / 2)
    assert pace.depth == MOST_DEPTH
    pace.ended((SOON_S + LATE_S) / 2)
    assert pace.depth == MOST_DEPTH
    pace.ended(LATE_S * 2)
    assert pace.depth == MOST_DEPTH - 1
    pace.stumbled()
    pace.ended(LATE_S * 2)
    assert pace.depth == 1


def test_behind_what_takes_long_there_is_room_for_the_slots_alone():
    pace = Pace()
    pace.depth = 4
    assert (pace.room(8, 0.0), pace.room(8, BRISK_S)) == (48, 8)
