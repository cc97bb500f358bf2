"""How many tasks a second pods run under KubernetesExecutor, beside raw calls of the API.

    KUBECONFIG=... POSTGRES_URL=... KUBERNETES_KIT_IMAGE=... KUBERNETES_KIT_DATABASE_HOST=... \\
        python tests/benchmarks/kubernetes_throughput.py [--tasks 100] [--rounds 2] [--in-flight 10] [--measured 5]

Both make the same pods, whose first process is `airflow-lite tasks run`, of rows that are queued;
no more of them are in flight than may be. The raw one creates, lists and deletes, and knows no row.
Then the processor's time of one attempt in a pod of its own, with all that it starts, beside that of
`sh -c true`.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

from airflow_lite.config import Config
from airflow_lite_k8s_executor.connection import Connection, connect
from airflow_lite_k8s_executor.executor import KubernetesExecutor
from airflow_lite_k8s_executor.plugin import get_config_options
from airflow_lite_k8s_executor.pods.spec import Pod, PodAttempt, PodBuilder
from airflow_lite_k8s_executor.settings import KubernetesSettings
from airflow_lite_k8s_executor.testing import ClusterEngine
from airflow_lite_testing.bench import Attempt, Bench

DEADLINE_S = 900.0
_LOOK_S = 0.2
_THREADS = 4
#: The first process of a pod that measures what another costs, with all that outlives that.
_MEASURE = """
import os, resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
try:
    while True:
        os.wait()
except ChildProcessError:
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(spent.ru_utime + spent.ru_stime)
sys.exit(code)
"""


def main() -> int:
    """Run both in turn, and print what each reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--in-flight", type=int, default=10)
    parser.add_argument("--measured", type=int, default=5, help="pods whose cost is measured")
    args = parser.parse_args()
    bench, engine = Bench(Path(tempfile.mkdtemp(prefix="airflow-lite-kit-"))), ClusterEngine()
    bench.make()
    try:
        with bench.enter():
            path = f"{sys.prefix}/bin{os.pathsep}/usr/bin{os.pathsep}/bin"
            extra = engine.start({**bench.environ(), "PATH": path})
        with bench.enter(extra):
            _compare(bench, args)
    finally:
        engine.stop()
        bench.close()
    return 0


def _compare(bench: Bench, args: argparse.Namespace) -> None:
    config = Config.load()
    config.plugin_options = tuple(get_config_options())
    settings = KubernetesSettings.read(config)._replace(in_flight=args.in_flight)
    connection = connect(settings)
    names = {"raw": run_raw, "executor": run_executor}
    seconds = dict.fromkeys(names, 0.0)
    for _ in range(args.rounds):
        for name, function in names.items():
            attempts = [bench.attempt() for _ in range(args.tasks)]
            seconds[name] += function(attempts, config, settings, connection)
            done = sum(bool(bench.end_times(attempt)) for attempt in attempts)
            assert done == args.tasks, f"{name}: {done} of {args.tasks} attempts have run"
    rates = {name: args.tasks * args.rounds / spent for name, spent in seconds.items()}
    print(f"raw API calls: {rates['raw']:.2f} tasks/s")
    print(f"KubernetesExecutor: {rates['executor']:.2f} tasks/s")
    print(f"KubernetesExecutor beside raw API calls: {rates['executor'] / rates['raw']:.2f}")
    _measure(args.measured, bench, _builder(settings, connection), connection)


def _builder(settings: KubernetesSettings, connection: Connection) -> PodBuilder:
    return PodBuilder(
        settings.template, namespace=connection.namespace, instance="raw", owner="raw"
    )


def cpu_s(words: list[str], pod: Pod, connection: Connection) -> float:
    """Run a command in a pod; return the processor's time that it took."""
    base = pod["spec"]["containers"][0]
    base["command"], base["args"] = ["python"], ["-c", _MEASURE, *words]
    name = connection.pods.create(connection.namespace, pod)["metadata"]["name"]
    began, phase = time.monotonic(), ""
    while phase not in {"Succeeded", "Failed"}:
        _pause(began, f"pod {name} is {phase}")
        (found,) = connection.pods.list(connection.namespace, "", f"metadata.name={name}").pods
        phase = found["status"].get("phase", "")
    printed = connection.pods.log(connection.namespace, name, "base")
    assert phase == "Succeeded", printed
    return float(printed.splitlines()[-1])


def _measure(pods: int, bench: Bench, builder: PodBuilder, connection: Connection) -> None:
    taken: dict[str, list[float]] = {"tasks run": [], "sh -c true": []}
    for _ in range(pods):
        for name, spent in taken.items():
            attempt = bench.attempt()
            words = ["sh", "-c", "true"] if name == "sh -c true" else attempt.command
            pod = builder.build(PodAttempt(attempt.ti.key, attempt.command, {}))
            spent.append(cpu_s(words, pod, connection))
    for name, spent in taken.items():
        print(f"`{name}` in a pod: {min(spent):.3f} CPU-s best, {median(spent):.3f} median")


def run_raw(
    attempts: list[Attempt], _config: Config, settings: KubernetesSettings, connection: Connection
) -> float:
    """Make the pods as others end or run; return the seconds until all have ended and are gone."""
    builder = _builder(settings, connection)
    pods = [builder.build(PodAttempt(one.ti.key, one.command, {})) for one in attempts]
    began = time.monotonic()
    waiting, ended, made = list(pods), 0, 0
    with ThreadPoolExecutor(_THREADS) as threads:
        while ended < len(pods):
            phases = [
                (pod["metadata"]["name"], pod["status"].get("phase"))
                for pod in connection.pods.list(connection.namespace, "airflow-worker=raw").pods
            ]
            over = [name for name, phase in phases if phase in {"Succeeded", "Failed"}]
            list(threads.map(lambda name: connection.pods.delete(connection.namespace, name), over))
            ended += len(over)
            pending = sum(phase == "Pending" for _, phase in phases)
            batch = [waiting.pop(0) for _ in range(min(settings.in_flight - pending, len(waiting)))]
            made += len(batch)
            list(threads.map(lambda pod: connection.pods.create(connection.namespace, pod), batch))
            _pause(began, f"{ended} of {made} pods have ended")
    return time.monotonic() - began


def run_executor(
    attempts: list[Attempt], config: Config, settings: KubernetesSettings, _connection: Connection
) -> float:
    """Hand the attempts over; return the seconds until the end of each is told."""
    overrides = {("kubernetes", "worker_pods_in_flight"): str(settings.in_flight)}
    own = Config.load(config.environ, overrides)
    own.plugin_options = config.plugin_options
    executor = KubernetesExecutor(parallelism=0)
    executor.configure(own)
    executor.start()
    began = time.monotonic()
    for attempt in attempts:
        executor.queue_command(attempt.ti, attempt.command)
    ends: set[object] = set()

    def look() -> bool:
        executor.heartbeat()
        events = executor.get_event_buffer()
        ends.update(key for key, (state, _) in events.items() if state in {"success", "failed"})
        return len(ends) == len(attempts)

    _until(look, began, lambda: f"{len(ends)} ends are told")
    spent_s = time.monotonic() - began
    executor.end()
    return spent_s


def _until(condition: Callable[[], bool], began: float, told: Callable[[], str]) -> None:
    while not condition():
        _pause(began, told())


def _pause(began: float, told: str) -> None:
    if time.monotonic() - began > DEADLINE_S:
        raise TimeoutError(f"after {DEADLINE_S:g} s {told}")
    time.sleep(_LOOK_S)


if __name__ == "__main__":
    sys.exit(main())
