"""What may be queued now: the order, and each limit."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from airflow_lite.api.executor.routes import Routes
from airflow_lite.scheduler.planner.admit import admit
from airflow_lite.scheduler.planner.instance import Instance
from airflow_lite.scheduler.planner.model import Candidate, Limits, Run
from airflow_lite.spec.model import DagSpec, TaskSpec
from airflow_lite.states import DagRunState

PLENTY = 10**9


def dag(dag_id="d", *, max_active_tasks=PLENTY, **limits) -> DagSpec:
    tasks = {name: TaskSpec(name, **limits) for name in ("a", "b")}
    return DagSpec(dag_id, tasks=tasks, max_active_tasks=max_active_tasks)


def run(number=1, dag_id="d", logical_us=0) -> Run:
    return Run(number, dag_id, f"r{number}", "manual", DagRunState.RUNNING, logical_us)


def candidate(number, *, of=None, within=None, **fields) -> Candidate:
    return Candidate(Instance(number, **{"task_id": "a", **fields}), of or run(), within or dag())


def picked(candidates, **limits) -> list[int]:
    given = Limits(**{"pools": {"default_pool": PLENTY}, "slots": PLENTY, **limits})
    return [found.instance.id for found in admit(candidates, given).admitted]


def test_order_is_priority_then_logical_date_then_map_index_then_id() -> None:
    expected = [
        candidate(9, priority_weight=5, of=run(2, logical_us=7)),
        candidate(8, of=run(1, logical_us=1), map_index=3),
        candidate(7, of=run(2, logical_us=2), map_index=0),
        candidate(3, of=run(2, logical_us=2), map_index=1),
        candidate(4, of=run(2, logical_us=2), map_index=1),
    ]
    shuffled = list(expected)
    random.Random(1).shuffle(shuffled)
    assert picked(shuffled) == [9, 8, 7, 3, 4]


def test_the_executor_gets_no_more_than_its_slots() -> None:
    assert picked([candidate(number) for number in range(5)], slots=2) == [0, 1]
    assert picked([candidate(1)], slots=-3) == []


def test_a_dag_gets_no_more_than_max_active_tasks() -> None:
    small = dag(max_active_tasks=3)
    other = dag("e", max_active_tasks=1)
    found = [candidate(number, within=small) for number in range(4)]
    found.append(candidate(9, within=other, of=run(5, "e")))
    assert picked(found, dag_active={"d": 1}) == [0, 1, 9]


@pytest.mark.parametrize(
    ("limits", "active", "expected"),
    [
        ({"max_active_tis_per_dag": 2}, {"task_active": {("d", "a"): 1}}, [0, 3]),
        ({"max_active_tis_per_dagrun": 2}, {"run_task_active": {(1, "a"): 1}}, [0, 2, 3]),
        ({"max_active_tis_per_dag": 0}, {}, []),
    ],
)
def test_a_task_gets_no_more_than_its_own_limits(limits, active, expected) -> None:
    within = dag(**limits)
    found = [
        candidate(0, within=within),
        candidate(1, within=within),
        candidate(2, within=within, of=run(2)),
        candidate(3, within=within, task_id="b"),
    ]
    assert picked(found, **active) == expected


def test_a_pool_gives_as_many_slots_as_are_open() -> None:
    found = [candidate(number, pool="p", pool_slots=2) for number in range(3)]
    assert picked(found, pools={"p": 5}) == [0, 1]
    assert picked(found, pools={"p": -1}) == []


def test_small_tasks_do_not_overtake_one_that_waits_for_its_pool() -> None:
    found = [
        candidate(1, pool="p", pool_slots=3, priority_weight=2),
        candidate(2, pool="p"),
        candidate(3),
    ]
    pools = {"p": 2, "default_pool": 1}
    assert picked(found, pools=pools, pool_sizes={"p": 4}) == [3]


def test_a_task_of_higher_priority_goes_before_the_one_that_waits() -> None:
    found = [
        candidate(1, pool="p", pool_slots=3),
        candidate(2, pool="p", priority_weight=2),
    ]
    assert picked(found, pools={"p": 2}, pool_sizes={"p": 4}) == [2]


def test_a_task_held_by_its_dag_keeps_no_slots_of_a_pool() -> None:
    held = candidate(1, pool="p", pool_slots=3, within=dag(max_active_tasks=0))
    free = candidate(2, pool="p", within=dag("e"), of=run(2, "e"))
    assert picked([held, free], pools={"p": 2}, pool_sizes={"p": 4}) == [2]


def test_a_task_larger_than_its_pool_is_set_aside_and_said() -> None:
    big, small = candidate(1, pool="p", pool_slots=9), candidate(2, pool="p")
    limits = Limits(pools={"p": 2}, slots=5, pool_sizes={"p": 4})
    admission = admit([big, small], limits)
    assert (admission.oversized, admission.admitted) == ([big], [small])


def test_unknown_pools_are_named_and_harm_nobody() -> None:
    found = [candidate(1, pool="gone"), candidate(2)]
    admission = admit(found, Limits(pools={"default_pool": 1}, slots=1))
    assert admission.unknown_pools == {"gone"}
    assert [one.instance.id for one in admission.admitted] == [2]


def test_a_task_that_its_dag_has_no_longer_is_not_queued() -> None:
    assert picked([candidate(1, task_id="vanished")]) == []


def test_limits_are_only_read() -> None:
    limits = Limits(pools={"default_pool": 3}, slots=3, dag_active={"d": 1})
    admit([candidate(1), candidate(2)], limits)
    assert limits == Limits(pools={"default_pool": 3}, slots=3, dag_active={"d": 1})


@pytest.mark.parametrize("seed", range(200))
def test_no_limit_is_passed_and_no_slot_is_wasted(seed) -> None:
    rng = random.Random(seed)
    dags = [dag(name, max_active_tasks=rng.randint(0, 6)) for name in ("d", "e", "f")]
    runs = [run(number, dags[number % 3].dag_id, rng.randint(0, 3)) for number in range(9)]
    found = [
        candidate(
            number,
            of=(of := rng.choice(runs)),
            within=next(one for one in dags if one.dag_id == of.dag_id),
            pool=rng.choice(["p", "q", "gone"]),
            pool_slots=rng.randint(1, 3),
            priority_weight=rng.randint(1, 3),
        )
        for number in range(rng.randint(0, 40))
    ]
    limits = Limits(pools={"p": rng.randint(0, 9), "q": rng.randint(0, 9)}, slots=rng.randint(0, 9))
    admitted = admit(found, limits).admitted
    assert len(admitted) <= limits.slots
    taken: Counter[Any] = Counter()
    active: Counter[Any] = Counter()
    for one in admitted:
        taken[one.instance.pool] += one.instance.pool_slots
        active[one.dag.dag_id] += 1
    assert all(taken[pool] <= limits.pools.get(pool, 0) for pool in taken)
    assert all(active[one.dag_id] <= one.max_active_tasks for one in dags)
    if len(admitted) < limits.slots:  # all that is left out fits nowhere
        for one in found:
            if one not in admitted and one.instance.pool in limits.pools:
                full = active[one.dag.dag_id] >= one.dag.max_active_tasks
                open_slots = limits.pools[one.instance.pool] - taken[one.instance.pool]
                assert full or open_slots < one.instance.pool_slots


def test_a_half_of_a_hybrid_gets_no_more_than_its_slots_and_keeps_no_other_from_its_own() -> None:
    routes = Routes("Near", ("Near", "Far"), {"far": "Far"})
    candidates = [candidate(number, queue="far") for number in range(4)]
    candidates += [candidate(number) for number in range(4, 8)]
    limits = {"routes": routes, "half_slots": {"Near": 2, "Far": 1}, "slots": 10}
    assert picked(candidates, **limits) == [0, 4, 5]
    asking = dag(executor="Far")
    assert picked([candidate(1, within=asking), candidate(2, within=asking)], **limits) == [1]
