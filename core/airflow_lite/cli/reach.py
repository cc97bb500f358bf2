"""Whether a connection's host takes connections: what can be tried without a provider's hook."""

from __future__ import annotations

import socket

#: Seconds that a host may take to answer.
PATIENCE_S = 10.0
#: Ports of types, where a connection has none.
PORTS = {
    "ftp": 21,
    "ssh": 22,
    "sftp": 22,
    "smtp": 25,
    "http": 80,
    "imap": 143,
    "https": 443,
    "mssql": 1433,
    "oracle": 1521,
    "mysql": 3306,
    "postgres": 5432,
    "amqp": 5672,
    "redis": 6379,
    "vault": 8200,
    "elasticsearch": 9200,
    "mongo": 27017,
}


def reach(conn_type: str | None, host: str | None, port: int | None) -> tuple[bool, str]:
    """Return whether the host takes a TCP connection at the port, and what that says."""
    port = port or PORTS.get(conn_type or "")
    if not host or not port:
        what = "host" if not host else "port"
        return False, f"It has no {what}: airflow-lite can try nothing but to reach one."
    name = host.partition("://")[2] or host
    try:
        socket.create_connection((name.partition("/")[0], port), PATIENCE_S).close()
    except (OSError, UnicodeError) as error:
        return False, f"{name}:{port} cannot be reached: {error}."
    return True, f"{name}:{port} takes connections. Login and password were not tried."
