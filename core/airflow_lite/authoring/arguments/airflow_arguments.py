"""Every argument of Airflow 2.10's authoring interface that is not simply done.

An *accepted* argument has no effect here: a DAG that uses it loads, with one notice. A *refused*
one would change what runs, so the DAG does not load. All others are done. The table drives the
checks, the reference in docs and the test that compares it with Airflow's own signatures.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from airflow_lite.errors import AirflowDagException


class AirflowArgument(NamedTuple):
    """An argument that is accepted without effect, or refused, and why.

    `harmless` are the values that need no notice and no refusal.
    """

    name: str
    why: str
    harmless: tuple[object, ...] = (None,)


_NO_WEB = "no page shows it"

ACCEPTED: dict[str, tuple[AirflowArgument, ...]] = {
    "DAG": (
        AirflowArgument("full_filepath", "the file that holds the DAG is taken", (None,)),
        AirflowArgument("sla_miss_callback", "SLAs are not watched"),
        AirflowArgument("default_view", _NO_WEB, (None, "grid")),
        AirflowArgument("orientation", _NO_WEB, (None, "LR")),
        AirflowArgument("access_control", "there are no permissions for single DAGs"),
        AirflowArgument("owner_links", _NO_WEB, (None, {})),
    ),
    "BaseOperator": (
        AirflowArgument("sla", "SLAs are not watched; use dagrun_timeout or execution_timeout"),
        AirflowArgument("resources", "no executor of Airflow 2.10 reads it; use executor_config"),
        AirflowArgument(
            "wait_for_past_depends_before_skipping", "skipping never waits", (None, False)
        ),
        AirflowArgument(
            "allow_nested_operators", "a nested execute is always allowed", (None, True)
        ),
    ),
}

REFUSED: dict[str, tuple[AirflowArgument, ...]] = {
    "DAG": (),
    "BaseOperator": (AirflowArgument("run_as_user", "tasks run as the user that runs the worker"),),
}


def notices(kind: str, owner: str, values: Mapping[str, Any]) -> list[str]:
    """Return a notice for each accepted argument in `values`; raise for a refused one.

    `kind` is "DAG" or "BaseOperator", `owner` names whose arguments `values` are.
    """
    for argument in REFUSED[kind]:
        if _is_used(argument, values):
            raise AirflowDagException(f"{owner}: {argument.name} is refused: {argument.why}.")
    return [
        f"{argument.name} has no effect: {argument.why}."
        for argument in ACCEPTED[kind]
        if _is_used(argument, values)
    ]


def _is_used(argument: AirflowArgument, values: Mapping[str, Any]) -> bool:
    value = values.get(argument.name)
    return value is not None and not any(
        value is item or value == item for item in argument.harmless
    )
