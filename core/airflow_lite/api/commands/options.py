"""Options that every command has."""

from __future__ import annotations

from airflow_lite.api.commands.spec import ActionCommand, Arg


def switch(flags: str | tuple[str, str], help: str) -> Arg:
    """Return an option that takes no value."""
    return Arg(flags, help, action="store_true")


HELP = switch(("-h", "--help"), "Show help and exit")


#: Every command has it, as Airflow's do.
VERBOSE = switch(("-v", "--verbose"), "Show tracebacks and more of the log")


def all_args(action: ActionCommand) -> list[Arg]:
    """Return the arguments of a command, with `--verbose` unless it has one of its own."""
    own = {flag for arg in action.args for flag in arg.flags}
    return [*action.args] if own & {*VERBOSE.flags} else [*action.args, VERBOSE]
