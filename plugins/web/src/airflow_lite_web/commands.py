"""What the commands of `airflow-lite web` do."""

from __future__ import annotations

import signal
import sys
from functools import partial
from typing import TYPE_CHECKING

from airflow_lite.cli import config, print_rows
from airflow_lite_web.access.users import Role, Users
from airflow_lite_web.settings import read_settings

if TYPE_CHECKING:
    import argparse
    import socket

    import uvicorn

    from airflow_lite_web.settings import Settings


def serve(args: argparse.Namespace) -> int:
    """Serve the pages until a signal stops it."""
    from airflow_lite_web.listening import check_address, listen
    from airflow_lite_web.socket_activation import SocketActivation

    settings = read_settings(config(args), host=args.host, port=args.port)
    check_address(settings, without_tls=args.without_tls)
    with listen(settings) as listener:
        serve_here = partial(_serve, args, settings, listener)
        if not settings.sleep_after_s:
            return serve_here(is_first=True)
        return SocketActivation(listener).run(serve_here)


def _serve(
    args: argparse.Namespace, settings: Settings, listener: socket.socket, *, is_first: bool
) -> int:
    """Serve in this process, until a signal stops it or nobody has asked for a while."""
    from airflow_lite.cli.context import store
    from airflow_lite.processes.limits import raise_soft_limit
    from airflow_lite_web.app import make_app
    from airflow_lite_web.listening import address_of
    from airflow_lite_web.server import make_server
    from airflow_lite_web.site import make_site

    site = make_site(config(args), store(args), settings)
    raise_soft_limit()
    server = make_server(make_app(site), settings, site.limiter)
    _end_well(server)
    if is_first:
        _tell_token(settings, site.users)
        _tell(f"Serving on {address_of(settings, listener)} (end with Ctrl-C)")
    server.run(sockets=[listener])
    return 0


def _end_well(server: uvicorn.Server) -> None:
    """Have a signal end the server, and be over then: uvicorn raises it once more at its end."""

    def end(*_: object) -> None:
        server.should_exit = True

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)


def _tell_token(settings: Settings, users: Users) -> None:
    """Make the first user, and tell the token, which nobody can see again."""
    if users.all() or settings.proxy_user_header:
        return
    token = users.create("admin", Role.ADMIN)
    _tell(f"Made the user admin. Sign in with this token, which is shown only now:\n{token}")


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - a command's own


def list_users(args: argparse.Namespace) -> int:
    """List the users and their roles."""
    rows = [
        {"name": user.name, "role": user.role.title, "has_token": user.has_token}
        for user in _users(args).all()
    ]
    print_rows(rows, args.output, columns=args.columns)
    return 0


def create_user(args: argparse.Namespace) -> int:
    """Make a user, or a new token for one."""
    token = _users(args).create(
        args.name, Role[args.role.upper()], with_token=not args.without_token
    )
    _tell(f"User {args.name} is {args.role}.")
    if token:
        _tell("The token, which is shown only now:")
        print(token)  # noqa: T201 - alone on stdout, for a script
    return 0


def delete_user(args: argparse.Namespace) -> int:
    """Remove a user."""
    _users(args).delete(args.name)
    _tell(f"Removed user {args.name}.")
    return 0


def _users(args: argparse.Namespace) -> Users:
    return Users(read_settings(config(args)).users_file)
