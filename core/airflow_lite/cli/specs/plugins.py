"""`airflow-lite plugins …`."""

from __future__ import annotations

from airflow_lite.api.commands.spec import Arg, switch
from airflow_lite.cli.options import LISTING, command

_NAME = "Name of a distribution, of a group of commands, or of an executor"

COMMANDS = (
    command(
        "list",
        "plugins.list_plugins",
        "List the plugins and executors, and what is wrong with them",
        *LISTING,
    ),
    command(
        "info",
        "plugins.info",
        "Show all about one plugin: its commands, options, what importing it costs",
        Arg("name", _NAME, metavar="NAME", completer="plugin"),
        *LISTING,
    ),
    command(
        "doctor",
        "plugins.doctor",
        "Look plugins over: each is imported in a process of its own",
        Arg("name", f"{_NAME} (default: all)", metavar="NAME", nargs="?", completer="plugin"),
        switch("--no-health", "Ask no executor for its health: where its engine is not, as in CI"),
        *LISTING,
        epilog="Also runs the health check of the executor named, or else of the one that"
        "\nis configured. The exit code is 1 if anything is wrong.",
    ),
    command(
        "new",
        "plugins.new",
        "Write a distribution of your own: executor, commands, tests, CI",
        Arg("name", "Name of the distribution, such as my-executor"),
        Arg(
            ("-d", "--directory"),
            "Folder to make it in (default: the current one)",
            default=".",
            completer="file",
        ),
        epilog="example: airflow-lite plugins new my-executor",
    ),
)
