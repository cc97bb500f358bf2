"""`airflow-lite config …`."""

from __future__ import annotations

from airflow_lite.cli.spec import ActionCommand, Arg, GroupCommand, lazy_load_command

_COMMANDS = "airflow_lite.cli.commands.config"

COMMANDS = (
    GroupCommand(
        "config",
        "View the configuration",
        (
            ActionCommand(
                "get-value",
                "Print the value of one option",
                lazy_load_command(f"{_COMMANDS}.get_value"),
                (
                    Arg("section", help="The section name", completer="section"),
                    Arg("option", help="The option name", completer="option"),
                ),
                epilog="example: airflow-lite config get-value core executor",
            ),
            ActionCommand(
                "list",
                "List the options, as a configuration file",
                lazy_load_command(f"{_COMMANDS}.list_options"),
                (
                    Arg("--section", help="Only this section", completer="section"),
                    Arg(
                        ("-d", "--include-descriptions"),
                        help="Show what each option is for",
                        action="store_true",
                    ),
                    Arg(
                        ("-e", "--include-examples"),
                        help="Show examples of values",
                        action="store_true",
                    ),
                    Arg(
                        ("-s", "--include-sources"),
                        help="Show where each value comes from",
                        action="store_true",
                    ),
                    Arg(
                        ("-V", "--include-env-vars"),
                        help="Show the environment variable of each option",
                        action="store_true",
                    ),
                    Arg(
                        ("-c", "--comment-out-everything"),
                        help="Comment out every option",
                        action="store_true",
                    ),
                    Arg(
                        ("-p", "--exclude-providers"),
                        help="Leave out the options of plugins",
                        action="store_true",
                    ),
                    Arg(
                        ("-a", "--defaults"),
                        help="Show defaults instead of the values in force",
                        action="store_true",
                    ),
                    Arg(
                        "--color",
                        help="Colour the output (default: auto)",
                        choices=("on", "off", "auto"),
                        default="auto",
                    ),
                ),
            ),
        ),
    ),
)
