"""Whether the cluster answers, and its workers see the DAG folder and the database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_lite.hooks import HealthReport

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_lite.hooks import HealthContext


def report(context: HealthContext) -> HealthReport:
    """Ask the Dask scheduler, and let every worker check its machine."""
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
            answers = client.run(look_around, store, on_error="return")
    except OSError as error:
        return HealthReport(
            False,
            f"No Dask scheduler answers at {settings.address} ({error}). Start it with "
            "`airflow-lite dask scheduler`, or mend [dask] cluster_address.",
        )
    if not answers:
        return HealthReport(
            False,
            f"The Dask cluster at {settings.address} has no worker. Start one with "
            f"`airflow-lite dask worker {settings.address}`.",
        )
    return judge(answers, look_around())


def judge(answers: Mapping[str, Any], here: Mapping[str, Any]) -> HealthReport:
    """Compare the answers of the workers, by address, with those of this machine."""
    faults = [
        f"{address}: {fault}"
        for address, answer in sorted(answers.items())
        for fault in _faults(answer, here)
    ]
    if faults:
        return HealthReport(False, "; ".join(faults))
    return HealthReport(True, f"{len(answers)} Dask workers see the DAG folder and the database.")


def _faults(answer: Any, here: Mapping[str, Any]) -> Iterator[str]:
    if isinstance(answer, BaseException):
        yield (
            f"cannot check its machine ({type(answer).__name__}: {answer}). Install "
            "airflow-lite-dask-executor there"
        )
        return
    for name, version in here["versions"].items():
        if answer["versions"].get(name) != version:
            yield (
                f"has {name} {answer['versions'].get(name)}, this machine {version}. "
                "Install the same everywhere"
            )
    if not answer["sees_dags_folder"]:
        yield f"has no folder {answer['dags_folder']!r}. Set [core] dags_folder there"
    if answer["fault"]:
        yield f"gets no tasks: {answer['fault']}"
    elif answer["database"] != here["database"]:
        yield (
            f"uses database {answer['database']!r}, this machine {here['database']!r}. "
            "Set [database] sql_alchemy_conn there"
        )
    elif not answer["sees_database"]:
        yield f"cannot reach database {answer['database']!r}. Check its network"
