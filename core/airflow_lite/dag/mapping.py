"""Dynamic task mapping: what Airflow has for it is refused here, with what to write instead."""

from __future__ import annotations

from typing import NoReturn

from airflow_lite.errors import AirflowDagException


def refuse_mapping(*_args: object, **_named: object) -> NoReturn:
    """Raise `AirflowDagException`, whatever is to be mapped."""
    raise AirflowDagException(
        "Dynamic task mapping (expand, partial, map, zip) is not supported. Make a task for each"
        " value in a Python loop, or let one task loop over the values."
    )
