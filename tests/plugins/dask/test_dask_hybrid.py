"""The hybrid of Dask and Local that the how-to page makes conforms, whichever half is asked."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from airflow_lite.testing import ExecutorConformance
from airflow_lite_dask_executor.testing import DaskEngine
from airflow_lite_testing.processes import is_alive

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "run-two-executors.md"
#: The same with the queue of the kit's attempts on the other half.
OTHER = """

class DefaultDaskExecutor(LocalDaskExecutor):
    queues = ("default",)
"""


def module_of_the_page():
    [text] = re.findall(
        r"<!-- file: lib/local_dask.py -->\n```python\n(.*?)```", PAGE.read_text(), re.DOTALL
    )
    return text


@pytest.fixture(scope="module", autouse=True)
def module(tmp_path_factory):
    """Let this process, and those that it starts, import the module of the page."""
    folder = tmp_path_factory.mktemp("lib")
    (folder / "local_dask.py").write_text(module_of_the_page() + OTHER)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        patch.setenv("PYTHONPATH", str(folder))
        yield


class OtherHalf:
    """A cluster whose faults are none of the attempts', which run on the other half."""

    def __init__(self):
        self.cluster = DaskEngine()
        self.start, self.stop = self.cluster.start, self.cluster.stop


class TestLocalHalf(ExecutorConformance):
    executor = "local_dask:LocalDaskExecutor"
    engine = OtherHalf
    # The other half shows the whole way, at half the time.
    test_dag_ends_as_it_must: Any = None
    test_run_survives_the_schedulers_death: Any = None

    @property
    def _cluster(self):
        engine: Any = self.subject.engine
        return engine.cluster

    def _on(self, half):
        return self.bench.attempt(executor=half, waits=True)

    @pytest.mark.parametrize("fault", ["cut", "stall"])
    def test_a_half_without_its_engine_keeps_the_other_from_nothing(self, fault):
        rig = self.rig().start()
        far, near = self._on("DaskExecutor"), self.bench.attempt()
        rig.queue(far)
        rig.until_started(far)
        cluster = self._cluster
        getattr(cluster, fault)()
        try:
            rig.run(near)
            assert self.bench.recorded(near)
            assert rig.has(far)
            assert not rig.ends(far)
        finally:
            cluster.restore()
        self.bench.release(far)
        rig.until_ended(far)
        assert self.bench.recorded(far)

    def test_each_half_stops_what_it_has_when_that_is_revoked(self):
        rig = self.rig().start()
        attempts = [self._on("DaskExecutor"), self._on("LocalExecutor")]
        rig.queue(*attempts)
        rig.until_started(*attempts)
        pids = [self.bench.starts(attempt)[0].pid for attempt in attempts]
        for attempt in attempts:
            self._revoke(rig, attempt)
        rig.until(lambda: not any(map(is_alive, pids)), "both processes to end")


class TestDaskHalf(ExecutorConformance):
    executor = "local_dask:DefaultDaskExecutor"
    engine = DaskEngine


def test_the_class_of_the_page_has_five_lines():
    lines = [line for line in module_of_the_page().splitlines() if line]
    assert len(lines) == 5
