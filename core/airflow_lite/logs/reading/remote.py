"""A log on another machine, read from the log server there."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING

from airflow_lite.errors import ConfigError
from airflow_lite.logs.reading.lines import CHUNK

if TYPE_CHECKING:
    from collections.abc import Iterator
    from http.client import HTTPConnection, HTTPResponse

    from airflow_lite.config import Config

#: Seconds that connecting, an answer, and each part of it may take.
TIMEOUT_S = 5.0
_HOST = re.compile(r"[A-Za-z0-9_.:-]{1,253}")
_PARTIAL, _FORBIDDEN, _NOT_FOUND, _NOT_SATISFIABLE = 206, 403, 404, 416


class LogNotReadable(Exception):
    """A log on another machine cannot be read now. The output of `tasks logs` says why."""


class RemoteSource:
    """The log at `path` below the log folder of another machine."""

    def __init__(self, config: Config, host: str, path: str) -> None:
        self._config = config
        self._host = host
        self._path = path

    def chunks(self, position: int) -> Iterator[bytes]:
        """Yield what is in the log from `position` on.

        Raises FileNotFoundError if there is no such log, `LogNotReadable` if it cannot say.
        """
        from http.client import HTTPException

        connection = self._connection()
        try:
            response = self._ask_twice(connection, position)
            while response.status == _PARTIAL and (data := response.read1(CHUNK)):
                yield data
            if response.status == _PARTIAL and response.length:
                raise LogNotReadable("the connection ended before the whole log had come")
        except FileNotFoundError:
            raise
        except (OSError, HTTPException, ValueError) as error:
            raise LogNotReadable(f"{error or type(error).__name__}") from None
        finally:
            connection.close()

    def _connection(self) -> HTTPConnection:
        from http.client import HTTPConnection

        if not _HOST.fullmatch(self._host):
            raise LogNotReadable("this is not a valid host name")
        try:
            port = self._config.getint("logging", "worker_log_server_port")
        except ConfigError as error:
            raise LogNotReadable(str(error)) from None
        return HTTPConnection(self._host, port, timeout=TIMEOUT_S)

    def _ask_twice(self, connection: HTTPConnection, position: int) -> HTTPResponse:
        from http.client import RemoteDisconnected

        # An idle server that ends at this moment may drop the request.
        with suppress(RemoteDisconnected, ConnectionResetError):
            return self._ask(connection, position)
        connection.close()
        return self._ask(connection, position)

    def _ask(self, connection: HTTPConnection, position: int) -> HTTPResponse:
        from urllib.parse import quote

        headers = {"Authorization": f"Bearer {self._token()}", "Range": f"bytes={position}-"}
        connection.request("GET", f"/log/{quote(self._path)}", headers=headers)
        response = connection.getresponse()
        if response.status == _NOT_FOUND:
            raise FileNotFoundError
        if response.status == _FORBIDDEN:
            raise LogNotReadable(
                "its log server refused. [webserver] secret_key must be the same there and here,"
                " and the clocks must agree"
            )
        if response.status not in {_PARTIAL, _NOT_SATISFIABLE}:  # the latter: it has not grown
            raise LogNotReadable(f"the log server answered with HTTP status {response.status}")
        return response

    def _token(self) -> str:
        from airflow_lite.logs.serving.token import sign, signing_key

        try:
            valid_s = self._config.getfloat("webserver", "log_request_clock_grace")
            return sign(signing_key(self._config), self._path, valid_s)
        except ConfigError as error:
            raise LogNotReadable(str(error)) from None
