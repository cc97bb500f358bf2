"""`--conf`: the JSON object that becomes dag_run.conf, checked against the DAG's params."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from airflow_lite.errors import ParamValidationError, UserError
from airflow_lite.spec.params import check_conf
from airflow_lite.text import shortened

if TYPE_CHECKING:
    from airflow_lite.spec.model import DagSpec


def checked_conf(text: str | None, spec: DagSpec) -> dict[str, Any]:
    """Return `--conf` as a dict; raise `UserError` if it is no JSON object or breaks a param."""
    conf = json_object(text, "--conf")
    try:
        check_conf(spec, conf)
    except ParamValidationError as error:
        raise UserError(str(error)) from None
    return conf


def json_object(text: str | None, option: str) -> dict[str, Any]:
    """Return the JSON object in `text`, empty where there is none; raise `UserError`."""
    if not text:
        return {}
    shown = shortened(text, 60)
    try:
        value = json.loads(text)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError:
        raise UserError(
            f"{option} {shown!r} is not JSON: it has an incomplete character. Write it in UTF-8."
        ) from None
    except (ValueError, RecursionError) as error:
        raise UserError(
            f'{option} {shown!r} is not JSON: {error}. Write for example \'{{"key": "value"}}\'.'
        ) from None
    if not isinstance(value, dict):
        raise UserError(
            f'{option} {shown!r} is not a JSON object. Write for example \'{{"key": "value"}}\'.'
        )
    return value
