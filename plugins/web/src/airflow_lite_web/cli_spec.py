"""`airflow-lite web …`, as data."""

from __future__ import annotations

from airflow_lite.cli import (
    ActionCommand,
    Arg,
    GroupCommand,
    lazy_load_command,
    listing_arguments,
)

_COMMANDS = "airflow_lite_web.commands."
_NAME = Arg("name", help="The user's name", metavar="NAME")

GROUP = GroupCommand(
    "web",
    "See and steer airflow-lite in a browser",
    (
        ActionCommand(
            "serve",
            "Serve the pages until a signal stops it; `airflow-lite web` alone does this",
            lazy_load_command(_COMMANDS + "serve"),
            (
                Arg("--host", help="Address to listen on (default: [web] host)"),
                Arg("--port", help="Port to listen on (default: [web] port)", type=int),
                Arg(
                    "--without-tls",
                    help="Listen on an address that other machines reach, though tokens and pages"
                    " cross the network as anybody there can read them",
                    action="store_true",
                ),
            ),
            epilog="The first start makes the user admin and prints the token, once.\n"
            "example: airflow-lite web --port 8081",
        ),
        GroupCommand(
            "users",
            "Say who may sign in, and what they may do",
            (
                ActionCommand(
                    "list",
                    "List the users and their roles",
                    lazy_load_command(_COMMANDS + "list_users"),
                    listing_arguments(),
                ),
                ActionCommand(
                    "create",
                    "Make a user, or a new token for one, and print the token, once",
                    lazy_load_command(_COMMANDS + "create_user"),
                    (
                        _NAME,
                        Arg(
                            ("-r", "--role"),
                            help="viewer looks, operator also runs, clears and marks, admin does"
                            " all (default: viewer)",
                            choices=("viewer", "operator", "admin"),
                            default="viewer",
                        ),
                        Arg(
                            "--without-token",
                            help="Make no token: a proxy names this user",
                            action="store_true",
                        ),
                    ),
                    epilog="example: airflow-lite web users create ann --role operator",
                ),
                ActionCommand(
                    "delete",
                    "Remove a user; who is signed in as that is signed out",
                    lazy_load_command(_COMMANDS + "delete_user"),
                    (_NAME,),
                ),
            ),
        ),
    ),
    default="serve",
)
