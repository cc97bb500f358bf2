"""The e-mail that a task with `email` sends when a try of it failed."""

from __future__ import annotations

from html import escape
from pathlib import Path
from shlex import quote
from typing import Any

from airflow_lite.authoring.mail.send import send_email
from airflow_lite.config import Config
from airflow_lite.secrets_masker import redact
from airflow_lite.task_logger import task_logger

logger = task_logger()

_SUBJECT = "Airflow alert: {{ ti }}"
_CONTENT = """\
<p>Try {{ try_number }} of {{ max_tries + 1 }} of task <b>{{ ti.task_id }}</b>
in DAG <b>{{ ti.dag_id }}</b> failed, run {{ ti.run_id }}.</p>
<pre>{{ exception_html }}</pre>
<p>Host: {{ ti.hostname }}</p>
<p>Its log: <code>{{ log_command }}</code></p>
"""


def email_alert(context: dict[str, Any]) -> None:
    """Send what `[email] subject_template` and `html_content_template` make of the context.

    Beside the task's context these have `try_number`, `max_tries` and `exception_html`. Raises
    `AirflowException` if it cannot be sent.
    """
    values = {**context, **_own_values(context)}
    send_email(
        context["task"].email,
        redact(_rendered("subject_template", _SUBJECT, values)),
        redact(_rendered("html_content_template", _CONTENT, values)),
    )


def _own_values(context: dict[str, Any]) -> dict[str, Any]:
    ti = context["ti"]
    command = "airflow-lite", "tasks", "logs", ti.dag_id, ti.task_id, ti.run_id
    return {
        "try_number": ti.try_number,
        "max_tries": ti.max_tries,
        "exception_html": escape(str(context.get("exception"))),
        "log_command": escape(" ".join(map(quote, command))),
    }


def _rendered(setting: str, usual: str, values: dict[str, Any]) -> str:
    """Render the file that a setting names; where that cannot be done, what is usual."""
    from jinja2 import Environment

    environment = Environment()  # noqa: S701 - what is not markup is escaped above, as in Airflow
    if path := Config.load().get("email", setting):
        try:
            return environment.from_string(Path(path).read_text()).render(values)
        except Exception:
            logger.exception("[email] %s cannot be used, so the usual text is sent", setting)
    return environment.from_string(usual).render(values)
