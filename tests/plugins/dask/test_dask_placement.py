"""Where an attempt goes: from its queue and executor_config to what is asked of Dask."""

from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_lite.executors import AttemptRefused
from airflow_lite_dask_executor.cluster import Cluster, DaskWorker
from airflow_lite_dask_executor.placement import Placement, place

ANY = DaskWorker("tcp://10.0.0.1:40000", "any", 4)
GPU = DaskWorker("tcp://10.0.0.2:40000", "gpu-box", 2, {"gpu": 2, "memory_gb": 16})


def placed(queue=None, executor_config=None, priority=1, workers=(ANY, GPU)):
    return place(
        queue, executor_config, priority, default_queue="default", cluster=Cluster(tuple(workers))
    )


def test_the_default_queue_is_any_worker():
    assert placed() == placed("default") == Placement(1)


def test_a_queue_is_one_of_a_resource_of_its_name():
    assert placed("gpu").options() == {"priority": 1, "resources": {"gpu": 1}}


def test_the_default_queue_is_a_resource_too_where_workers_name_it():
    named = DaskWorker("tcp://10.0.0.3:40000", "named", 1, {"default": 1})
    assert placed("default", workers=[ANY, named]).resources == (("default", 1),)


def test_executor_config_asks_for_resources_workers_and_priority():
    asked = {"resources": {"memory_gb": 4.5}, "workers": "gpu-box", "priority": -3}
    found = placed("gpu", asked, priority=9)
    assert found.options() == {"priority": -3, "resources": {"gpu": 1, "memory_gb": 4.5}}
    assert Cluster((ANY, GPU)).restriction(found.workers) == [GPU.address]


@pytest.mark.parametrize("name", ["tcp://10.0.0.2:40000", "10.0.0.2:40000", "10.0.0.2", "gpu-box"])
def test_a_worker_is_asked_for_by_address_host_or_name(name):
    assert placed(executor_config={"workers": [name]}).workers == (name,)


def test_placements_that_ask_alike_are_equal_and_hashable():
    one = placed("gpu", {"workers": ["gpu-box", "10.0.0.2"]})
    assert {one, placed("gpu", {"workers": ["10.0.0.2", "gpu-box"]})} == {one}


def test_without_any_worker_nothing_is_refused():
    assert placed("later", {"resources": {"tpu": 1}}, workers=[]).resources == (
        ("later", 1),
        ("tpu", 1),
    )


@pytest.mark.parametrize(
    ("queue", "executor_config", "message"),
    [
        (
            "tpu",
            None,
            "No Dask worker serves queue 'tpu'. The queues are 'gpu', 'memory_gb', 'default'. "
            "Change the task's queue, or start a worker: airflow-lite dask worker --queues tpu",
        ),
        (
            None,
            {"workers": ["nowhere"]},
            "executor_config asks for Dask worker 'nowhere', which is not in the cluster. "
            "The workers are tcp://10.0.0.1:40000, tcp://10.0.0.2:40000.",
        ),
        (
            None,
            {"resources": {"memory_gb": 17}},
            "No Dask worker has the resources {'memory_gb': 17}. "
            "Ask for less, or start a worker that has them.",
        ),
        (
            "gpu",
            {"workers": ["any"]},
            "No Dask worker of those asked for has the resources {'gpu': 1}. "
            "Ask for less, or start a worker that has them.",
        ),
        (None, ["gpu"], "executor_config is ['gpu']. Make it a dict."),
        (
            None,
            {"pod": 1},
            "executor_config has 'pod'. DaskExecutor takes priority, resources, workers.",
        ),
        (
            None,
            {"priority": "high"},
            "executor_config priority is 'high'. Make it a whole number.",
        ),
        (
            None,
            {"priority": True},
            "executor_config priority is True. Make it a whole number.",
        ),
        (
            None,
            {"resources": {"gpu": 0}},
            "executor_config resources is {'gpu': 0}. Make it a dict of numbers above 0.",
        ),
        (
            None,
            {"workers": 7},
            "executor_config workers is 7. Make it a list of addresses or names.",
        ),
    ],
)
def test_what_can_never_be_had_is_refused_with_the_way_out(queue, executor_config, message):
    with pytest.raises(AttemptRefused) as refused:
        placed(queue, executor_config)
    assert str(refused.value) == message


ASIDE = replace(GPU, fault="it is elsewhere")


def test_nothing_is_sent_to_a_worker_that_is_set_aside():
    cluster = Cluster((ANY, ASIDE))
    assert (cluster.threads, cluster.queues) == (4, [])
    assert cluster.restriction([]) == [ANY.address]
    assert cluster.restriction(["gpu-box"]) == []
    with pytest.raises(AttemptRefused, match="No Dask worker serves queue 'gpu'"):
        placed("gpu", workers=[ANY, ASIDE])
    with pytest.raises(AttemptRefused) as refused:
        placed(executor_config={"workers": ["gpu-box"]}, workers=[ANY, ASIDE])
    assert str(refused.value) == (
        "executor_config asks for Dask worker tcp://10.0.0.2:40000, which gets no tasks: it is "
        "elsewhere."
    )


def test_where_strangers_could_join_only_known_workers_are_sent_anything():
    seen = Cluster((ANY, GPU))
    assert seen.judged({}, is_closed=False).restriction([]) is None
    assert seen.judged({}, is_closed=True).restriction([]) == []
    closed = seen.judged({ANY.address: None, GPU.address: "no"}, is_closed=True)
    assert closed.restriction([]) == [ANY.address]


def test_a_cluster_is_read_from_what_its_scheduler_says():
    found = Cluster.of(
        {
            "workers": {
                "tcp://10.0.0.2:1": {
                    "name": 7,
                    "nthreads": 2,
                    "resources": {"gpu": 2.0},
                    "status": "running",
                    "metrics": {"memory": 1 << 30},
                },
                "tcp://10.0.0.1:1": {"name": "a", "nthreads": 4, "status": "init"},
                "tcp://10.0.0.9:1": {"name": "b", "nthreads": 8, "status": "closing"},
            }
        }
    )
    assert [(one.name, one.host, one.memory) for one in found.workers] == [
        ("a", "10.0.0.1", 0),
        ("7", "10.0.0.2", 1 << 30),
    ]
    assert (found.threads, found.queues) == (6, ["gpu"])
