"""airflow.hooks: the hooks of Airflow's core, and how others are found."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Any, NamedTuple, Protocol

from airflow_lite.authoring.connection import Connection
from airflow_lite.authoring.hook import BaseHook
from airflow_lite.errors import AirflowException


class DiscoverableHook(Protocol):
    """What a provider's hook says of itself."""

    conn_name_attr: str
    default_conn_name: str
    conn_type: str
    hook_name: str


class FSHook(BaseHook):
    """The folder that a connection names; `fs_default` is the root where nobody says otherwise."""

    conn_name_attr = "fs_conn_id"
    default_conn_name = "fs_default"
    conn_type = "fs"
    hook_name = "File (path)"

    def __init__(self, fs_conn_id: str = default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        default = Connection("fs_default", "fs", extra={"path": "/"})
        self.conn = (
            Connection.get_connection_from_secrets(fs_conn_id, default)
            if fs_conn_id == self.default_conn_name
            else self.get_connection(fs_conn_id)
        )
        self.basepath = self.conn.extra_dejson.get("path", "")

    def get_conn(self) -> None:
        """Return nothing: there is nothing to connect to."""

    def get_path(self) -> str:
        """Return the folder."""
        return str(self.basepath)

    def test_connection(self) -> tuple[bool, str]:
        """Return whether the folder is there."""
        path = self.get_path()
        if not path:
            return False, "File Path is undefined."
        if not Path(path).exists():
            return False, f"Path {path} does not exist."
        return True, f"Path {path} is existing."


class PackageIndexHook(BaseHook):
    """The index that a connection names, for pip."""

    conn_name_attr = "pi_conn_id"
    default_conn_name = "package_index_default"
    conn_type = "package_index"
    hook_name = "Package Index (Python)"

    def __init__(self, pi_conn_id: str = default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pi_conn_id = pi_conn_id
        self.conn = None

    def get_connection_url(self) -> Any:
        """Return its URL, with the user and the password."""
        connection = self.get_connection(self.pi_conn_id)
        scheme, separator, rest = (connection.host or "").partition("://")
        if not separator:
            scheme, rest = "https", scheme
        user = connection.login or ""
        user += f":{connection.password}" if connection.password else ""
        return f"{scheme}://{f'{user}@' if user else ''}{rest}"

    get_conn = get_connection_url


class SubprocessResult(NamedTuple):
    """The exit code of a command, and the last line that it printed."""

    exit_code: int
    output: str


@contextmanager
def working_directory(cwd: str | None = None) -> Iterator[str]:
    """Give this folder, or a new one that is removed at the end."""
    if cwd is not None:
        yield cwd
        return
    with TemporaryDirectory(prefix="airflowtmp", dir=gettempdir()) as folder:
        yield folder


class SubprocessHook(BaseHook):
    """Runs a command, and logs what it prints."""

    def __init__(self, **kwargs: Any) -> None:
        self.sub_process: subprocess.Popen[bytes] | None = None
        super().__init__(**kwargs)

    def run_command(
        self,
        command: list[str],
        env: dict[str, str] | None = None,
        output_encoding: str = "utf-8",
        cwd: str | None = None,
    ) -> SubprocessResult:
        """Run it; an `env` that is given is all of its environment."""
        self.log.info("Running command: %s", command)
        with working_directory(cwd) as folder:
            self.sub_process = subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=env if env or env == {} else os.environ,
                start_new_session=True,
            )
            line = ""
            assert self.sub_process.stdout is not None  # it is a pipe
            for raw in self.sub_process.stdout:
                line = raw.decode(output_encoding, errors="backslashreplace").rstrip()
                self.log.info("%s", line)
            code = self.sub_process.wait()
        self.log.info("Command exited with return code %s", code)
        return SubprocessResult(code, line)

    def send_sigterm(self) -> None:
        """Have the command and its children end."""
        if self.sub_process is None or self.sub_process.poll() is not None:
            return
        self.log.info("Sending SIGTERM signal to process group")
        os.killpg(self.sub_process.pid, signal.SIGTERM)


def hook_of(connection: Connection, hook_params: dict[str, Any] | None = None) -> Any:
    """Return the hook that a provider has for this type of connections, or `FSHook`.

    Raises `AirflowException` where no provider that is installed has one.
    """
    from airflow_lite_airflow_names.offered.helpers import import_string
    from airflow_lite_airflow_names.providers import hook_path

    own = {"fs": FSHook, "package_index": PackageIndexHook}
    kind = own.get(connection.conn_type or "")
    if kind is None:
        path = hook_path(connection.conn_type or "")
        if path is None:
            raise AirflowException(
                f"No provider that is installed has a hook for connections of type"
                f" {connection.conn_type!r}. Install it with"
                " `airflow-lite airflow-names install-provider NAME`."
            )
        kind = import_string(path)
    name = getattr(kind, "conn_name_attr", "conn_id")
    return kind(**{name: connection.conn_id}, **(hook_params or {}))
