"""What `[alerts]` sends of a run that failed: to a command, an address, or by e-mail."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from html import escape
from typing import TYPE_CHECKING, NamedTuple, Self
from urllib.parse import urlsplit

from airflow_lite.errors import AirflowException, ConfigError
from airflow_lite.processes.children import End
from airflow_lite.text import described, message_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_lite.config import Config

#: Seconds that an address, or a command, may take.
TIMEOUT_S = 20.0
_EXAMPLE = "https://chat.example/hooks/1"


class AlertSettings(NamedTuple):
    """Who is told of runs that fail: words of a command, an address, e-mail addresses."""

    command: tuple[str, ...]
    url: str
    email: str

    @property
    def is_on(self) -> bool:
        """Whether anybody is."""
        return bool(self.command or self.url or self.email)

    @classmethod
    def read(cls, config: Config) -> Self:
        """Read `[alerts]`; raise `ConfigError` for a command or an address that is none."""
        text, url = (
            config.get("alerts", "on_failure_command"),
            config.get("alerts", "on_failure_url"),
        )
        try:
            command = tuple(shlex.split(text))
        except ValueError as error:
            raise ConfigError(
                f"[alerts] on_failure_command cannot be split into words: {error}. No shell reads"
                " it: write a command with its arguments, quoted as in a shell."
            ) from None
        if url and not _is_address(url):
            raise ConfigError(
                f"[alerts] on_failure_url is no address. Write one such as {_EXAMPLE}."
            )
        return cls(command, url, config.get("alerts", "on_failure_email"))


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


class Alert(NamedTuple):
    """A run that failed: what is sent of it, by these names in JSON."""

    dag_id: str
    run_id: str
    logical_date: str
    reason: str

    @property
    def text(self) -> str:
        """One line for people."""
        return f"Run {self.run_id} of DAG {self.dag_id} failed: {self.reason}"

    def to_json(self) -> str:
        """Return it as one line of JSON; `text` is what chat programs show."""
        return json.dumps({"text": self.text, "state": "failed", **self._asdict()})


def send(settings: AlertSettings, alert: Alert) -> list[str]:
    """Send an alert to each that is set, once; return a line for each that did not take it."""
    failures = []
    ways: tuple[tuple[str, object, Callable[[AlertSettings, Alert], None]], ...] = (
        ("on_failure_command", settings.command, _run),
        ("on_failure_url", settings.url, _post),
        ("on_failure_email", settings.email, _mail),
    )
    for name, is_set, tell in ways:
        if is_set:
            try:
                tell(settings, alert)
            except Exception as error:
                text = (
                    message_of(error) if isinstance(error, AirflowException) else described(error)
                )
                failures.append(f"[alerts] {name}: {text}")
    return failures


def _run(settings: AlertSettings, alert: Alert) -> None:
    """Run the command: the alert is in its environment, and on its input as JSON."""
    environ = {
        **os.environ,
        "AIRFLOW_CTX_DAG_ID": alert.dag_id,
        "AIRFLOW_CTX_DAG_RUN_ID": alert.run_id,
        "AIRFLOW_CTX_EXECUTION_DATE": alert.logical_date,
        "ALERT_TEXT": alert.text,
    }
    line = alert.to_json() + "\n"
    try:
        done = subprocess.run(
            settings.command, input=line, text=True, env=environ, timeout=TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:  # its own text has all the words of the command
        raise AirflowException(f"it took longer than {TIMEOUT_S:g} s and was killed") from None
    if done.returncode:
        raise AirflowException(f"it ended {End(done.returncode)}")


def _post(settings: AlertSettings, alert: Alert) -> None:
    from urllib.request import Request, urlopen

    headers = {"Content-Type": "application/json", "User-Agent": "airflow-lite"}
    request = Request(settings.url, alert.to_json().encode(), headers)  # noqa: S310 - it is http
    with urlopen(request, timeout=TIMEOUT_S):  # noqa: S310
        return


def _mail(settings: AlertSettings, alert: Alert) -> None:
    from airflow_lite.authoring.mail.send import send_email

    states = f"airflow-lite tasks states-for-dag-run {alert.dag_id} {shlex.quote(alert.run_id)}"
    content = f"<p>{escape(alert.text)}</p>\n<p>Its tasks: <code>{escape(states)}</code></p>\n"
    send_email(settings.email, f"Airflow alert: DAG {alert.dag_id} failed", content)
