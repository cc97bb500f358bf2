"""DAGs are spread evenly over schedulers, and stay where they are once they are."""

from __future__ import annotations

import random

from airflow_lite.scheduler.state.fellows import share_of


def look(owned, unowned, one):
    """Let one scheduler take and let go; return how many DAGs have no owner then."""
    others = [count for other, count in owned.items() if other != one]
    total = sum(owned.values()) + unowned
    share = share_of(owned[one], others, unowned, total)
    taken = min(share.room, unowned)
    owned[one] += taken - share.surplus
    return unowned - taken + share.surplus


def settle(owned, unowned, order):
    for one in order:
        unowned = look(owned, unowned, one)
    return unowned


def test_whatever_the_order_in_which_they_look_all_is_owned_evenly_after_a_few_turns():
    for seed in range(2_000):
        lot = random.Random(seed)
        owned = {name: lot.choice([0, lot.randrange(30)]) for name in range(lot.randint(1, 6))}
        unowned = lot.choice([0, lot.randrange(30)])
        for _ in range(5):
            unowned = settle(owned, unowned, lot.sample(sorted(owned), len(owned)))
        assert unowned == 0, seed
        assert max(owned.values()) - min(owned.values()) <= 1, seed
        assert settle(before := dict(owned), 0, sorted(owned)) == 0
        assert before == owned, seed


def test_a_scheduler_alone_takes_all():
    assert share_of(0, [], 7, 7) == (7, 0)


def test_a_joining_one_gets_something_of_those_that_have_more_than_the_least():
    assert share_of(2, [2, 0], 0, 4) == (0, 1)


def test_nothing_moves_for_a_difference_of_one():
    assert share_of(2, [1], 0, 3) == (0, 0)
    assert share_of(1, [2], 0, 3) == (0, 0)
