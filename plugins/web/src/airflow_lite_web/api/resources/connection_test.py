"""Whether a connection can be used: tried as the command tries it, in a process of its own."""

from __future__ import annotations

import json
import secrets
import sys
from typing import TYPE_CHECKING, Any

from airflow_lite.processes import children
from airflow_lite.secrets_masker import MASK
from airflow_lite_web.access.users import Role
from airflow_lite_web.api.endpoints import Endpoint
from airflow_lite_web.api.problems import PermissionDenied
from airflow_lite_web.api.records import Record, flag, text
from airflow_lite_web.api.resources.connections import FORM

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_lite_web.api.endpoints import Call

TEST = Record("ConnectionTest", {"status": flag(), "message": text()})
#: Seconds that it may take.
_WITHIN_S = 30.0
_GOOD, _BAD = "Connection success! ", "Connection failed! "


def test_connection(call: Call) -> dict[str, Any]:
    """Try to reach what a body describes; nothing of it is kept."""
    if call.config.get("core", "test_connection").strip().lower() != "enabled":
        raise PermissionDenied(
            "Testing connections is disabled in the configuration."
            " Set [core] test_connection = Enabled."
        )
    conn_id = f"tested_{secrets.token_hex(8)}"
    environ = {
        **call.config.environ,
        "AIRFLOW_LITE_HOME": str(call.config.home),
        "AIRFLOW_LITE__CORE__TEST_CONNECTION": "Enabled",
        f"AIRFLOW_CONN_{conn_id.upper()}": json.dumps(_fields(call.body)),
    }
    command = [sys.executable, "-P", "-m", "airflow_lite", "connections", "test", conn_id]
    finished = children.run(command, within_s=_WITHIN_S, environ=environ)
    if finished.end.is_late:
        return {"status": False, "message": f"It took longer than {_WITHIN_S:.0f} s."}
    printed = f"{finished.output}\n{finished.errors}"
    is_good = finished.end.code == 0
    message = printed.partition(_GOOD if is_good else _BAD)[2].strip()
    password = call.body.get("password") or MASK  # a server may quote it
    message = (message or f"The test ended {finished.end}.").replace(password, MASK)
    return {"status": is_good, "message": message}


test_connection.__test__ = False  # type: ignore[attr-defined]  # not a test, whatever its name


def _fields(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name != "connection_id"}


ENDPOINTS = (
    Endpoint(
        "POST",
        "/connections/test",
        "test_connection",
        "Connection",
        "Try whether a connection can be used",
        test_connection,
        TEST,
        form=FORM,
        role=Role.ADMIN,
    ),
)
