"""`airflow-lite plugins …`."""

from __future__ import annotations

from airflow_lite.cli.options import OUTPUT, run_of
from airflow_lite.cli.spec import ActionCommand, Arg

_NAME = "Name of a distribution, of a group of commands, or of an executor"

COMMANDS = (
    ActionCommand(
        "list",
        "List the plugins and executors, and what is wrong with them",
        run_of("plugins.list_plugins"),
        (OUTPUT,),
    ),
    ActionCommand(
        "info",
        "Show all about one plugin: its commands, options, what importing it costs",
        run_of("plugins.info"),
        (Arg("name", _NAME, metavar="NAME", completer="plugin"), OUTPUT),
    ),
    ActionCommand(
        "doctor",
        "Look plugins over: each is imported in a process of its own",
        run_of("plugins.doctor"),
        (
            Arg("name", f"{_NAME} (default: all)", metavar="NAME", nargs="?", completer="plugin"),
            OUTPUT,
        ),
        epilog="Also runs the health check of the executor named, or else of the one that"
        "\nis configured. The exit code is 1 if anything is wrong.",
    ),
    ActionCommand(
        "new",
        "Write a distribution of your own: executor, commands, tests, CI",
        run_of("plugins.new"),
        (
            Arg("name", "Name of the distribution, such as my-executor"),
            Arg(
                ("-d", "--directory"),
                "Folder to make it in (default: the current one)",
                default=".",
                completer="file",
            ),
        ),
        epilog="example: airflow-lite plugins new my-executor",
    ),
)
