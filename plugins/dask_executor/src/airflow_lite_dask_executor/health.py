"""Whether the cluster answers, and its workers see what they must."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_lite.hooks import HealthReport

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_lite.hooks import HealthContext


def report(context: HealthContext) -> HealthReport:
    """Ask the Dask scheduler, and every worker to look around itself."""
    from airflow_lite_dask_executor.looking import connected
    from airflow_lite_dask_executor.remote import look_around
    from airflow_lite_dask_executor.settings import DaskSettings
    from airflow_lite_dask_executor.store_file import StoreFile

    settings = DaskSettings.read(context.config)
    store = StoreFile.of(context.config.get("database", "sql_alchemy_conn"))
    if not settings.address:
        return HealthReport(True, "[dask] cluster_address is empty: a cluster starts when needed.")
    try:
        with connected(settings, context.timeout_s) as client:
            found = client.run(look_around, store, on_error="return")
    except OSError as error:
        return HealthReport(
            False,
            f"No Dask scheduler answers at {settings.address} ({error}). Start it with "
            "`airflow-lite dask scheduler`, or mend [dask] cluster_address.",
        )
    if not found:
        return HealthReport(
            False,
            f"The Dask cluster at {settings.address} has no worker. Start one with "
            f"`airflow-lite dask worker {settings.address}`.",
        )
    return judge(found, look_around())


def judge(found: Mapping[str, Any], here: Mapping[str, Any]) -> HealthReport:
    """Compare what workers, by address, have seen with what this machine sees."""
    faults = [
        f"{address}: {fault}"
        for address, seen in sorted(found.items())
        for fault in _faults(seen, here)
    ]
    if faults:
        return HealthReport(False, "; ".join(faults))
    return HealthReport(True, f"{len(found)} Dask workers see the DAG folder and the database.")


def _faults(seen: Any, here: Mapping[str, Any]) -> Iterator[str]:
    if isinstance(seen, BaseException):
        yield (
            f"cannot look around ({type(seen).__name__}: {seen}). Install "
            "airflow-lite-dask-executor there"
        )
        return
    for name, version in here["versions"].items():
        if seen["versions"].get(name) != version:
            yield (
                f"has {name} {seen['versions'].get(name)}, this machine {version}. "
                "Install the same everywhere"
            )
    if not seen["sees_dags_folder"]:
        yield f"has no folder {seen['dags_folder']!r}. Set [core] dags_folder there"
    if seen["fault"]:
        yield f"gets no tasks: {seen['fault']}"
    elif seen["database"] != here["database"]:
        yield (
            f"uses database {seen['database']!r}, this machine {here['database']!r}. "
            "Set [database] sql_alchemy_conn there"
        )
    elif not seen["sees_database"]:
        yield f"cannot reach database {seen['database']!r}. Open the way to it"
