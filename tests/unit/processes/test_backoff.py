"""How long a task host tries to reach a database that fails."""

from __future__ import annotations

from itertools import pairwise

from airflow_lite.processes.backoff import GIVE_UP_S, LONGEST_S, SHORTEST_S, Trouble


def test_tries_become_rarer_up_to_a_bound():
    trouble = Trouble()
    delays = [trouble.note(0.0) for _ in range(10)]
    assert (delays[0], delays[-1]) == (SHORTEST_S, LONGEST_S)
    assert all(before <= after for before, after in pairwise(delays))


def test_an_outage_that_lasts_is_hopeless_and_one_that_ended_is_not():
    trouble = Trouble()
    trouble.note(5.0)
    trouble.note(6.0)
    assert not trouble.is_hopeless(5.0 + GIVE_UP_S - 1)
    assert trouble.is_hopeless(5.0 + GIVE_UP_S)
    trouble.end()
    assert not trouble.is_hopeless(5.0 + GIVE_UP_S)
    assert trouble.note(0.0) == SHORTEST_S
