"""The command line's way in: words to a command, a command to its exit code."""

from __future__ import annotations

import errno
import os
import sys
from io import TextIOWrapper
from typing import Any

from airflow_lite import __version__
from airflow_lite.cli.program import COMPLETE, PROGRAM, Flags, take_flags
from airflow_lite.errors import UsageError, UserError

INTERRUPTED = 130  # 128 + SIGINT, as a shell shows it
BROKEN_PIPE = 141  # 128 + SIGPIPE
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FOR_MORE = "Add -v to the command for the traceback."


def run(argv: list[str]) -> int:
    """Run the command that `argv` (without the program's name) says; return its exit code."""
    verbose = "-v" in argv or "--verbose" in argv
    _open_streams()
    _escape_unprintable()
    _keep_order()
    _guard_terminal()
    try:
        code = _run_to_its_exit(argv, verbose=verbose)
        sys.stdout.flush()
    except UserError as error:
        return _report_failure(error, str(error), error.exit_code, verbose=verbose)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return _quiet()
    except Exception as error:  # the last boundary: a person reads it
        return _report_failure(error, _unexpected_message(error), 1, verbose=verbose)
    return code


def _run_to_its_exit(argv: list[str], *, verbose: bool) -> int:
    try:
        return _run(argv, verbose=verbose)
    except SystemExit as error:
        return _exit_code(error)


def _open_streams() -> None:
    """Open /dev/null for each standard stream that is closed.

    What is opened next would get its number, and a task's output would go there.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(_null(number), "w" if number else "r"))  # noqa: SIM115 - stays


def _null(number: int) -> int:
    """Open /dev/null under this number, so that children inherit it; return the number."""
    opened = os.open(os.devnull, os.O_RDWR)
    os.dup2(opened, number)
    if opened != number:
        os.close(opened)
    return number


def _escape_unprintable() -> None:
    """Escape letters that the terminal's encoding lacks, rather than fail."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _keep_order() -> None:
    """Write stdout line by line: what stderr says of a listing comes after it in a pipe as well."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)


def _guard_terminal() -> None:
    """Let no text that others wrote send a terminal more than letters and colours."""
    if sys.stdout.isatty() or sys.stderr.isatty():
        from airflow_lite.terminal import safe

        sys.stdout, sys.stderr = safe(sys.stdout), safe(sys.stderr)


def _run(argv: list[str], *, verbose: bool) -> int:
    if argv[:1] == [COMPLETE]:
        from airflow_lite.cli.completion.tab import answer

        return answer(argv[1:])
    if verbose:
        _log_more()
    flags, words = take_flags(argv)
    if not flags.plugins:
        os.environ["AIRFLOW_LITE_NO_PLUGINS"] = "1"
    if not words or words[0].startswith("-"):
        return _without_command(flags, words)
    if words[0] == "db":
        from airflow_lite.cli.root import renamed

        words = renamed(words)
    args = _parsed(flags, words)
    try:
        return int(args._func(args) or 0)  # noqa: SLF001 - an option may be called func
    finally:
        if "_store" in vars(args):  # only then is its module worth an import
            from airflow_lite.cli.context import close_store

            close_store(args)


def _log_more() -> None:
    """Log all that airflow-lite has to say to stderr; of other libraries only their warnings."""
    import logging

    from airflow_lite.task_logger import log_masked

    log_masked(sys.stderr, logging.WARNING, "%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("airflow_lite").setLevel(logging.DEBUG)


def _parsed(flags: Flags, words: list[str]) -> Any:
    """Return the arguments as attributes; a usage error prints one line and exits with 2."""
    from airflow_lite.api.commands import quick_parser
    from airflow_lite.cli.core_commands import find

    command, config = find(words[0]), None
    if command is None:
        from airflow_lite.cli.root import plugin_command

        command, config = plugin_command(flags, words[0])
        words = [words[0], *command.words(words[1:])]
    args: Any = quick_parser.parsed(command, words[1:])
    if args is None:
        from airflow_lite.api.commands.parser import Parser

        if config is None:
            from airflow_lite.cli.root import refuse_word_of_airflow

            refuse_word_of_airflow(words)
        args = Parser(prog=f"{PROGRAM} {words[0]}", command=command).parse_args(words[1:])
    args._executor, args._config = flags.executor, config  # noqa: SLF001 - see context
    args._name = words[0]  # noqa: SLF001
    return args


def _without_command(flags: Flags, words: list[str]) -> int:
    from airflow_lite.cli.root import root_help

    if words and words[0] == "--version":
        print(__version__)
        return 0
    if words and words[0] not in {"-h", "--help"}:
        raise UsageError(f"Unknown option {words[0][:60]!r}. See `{PROGRAM} --help`.")
    print(root_help(flags), file=sys.stdout if words else sys.stderr)
    return 0 if words else 2


def _report_failure(error: BaseException, message: str, code: int, *, verbose: bool) -> int:
    if verbose:
        import traceback

        traceback.print_exception(error)
    from airflow_lite.secrets_masker import redact, without_url_secrets

    _write_or_drop_the_rest()
    shown = redact(without_url_secrets(" ".join(message.split())))
    _print_error(f"{PROGRAM}: error: {shown}")
    return code


def _unexpected_message(error: Exception) -> str:
    """Return the message of an error that no user made; the database's errors say so."""
    if isinstance(error, OSError) and error.errno in _FULL:
        target = error.filename or "The output or a file of airflow-lite"
        return f"{target} cannot be written: {error.strerror}. Free some disk space, and try again."
    if type(error).__module__.startswith("sqlalchemy") and getattr(error, "orig", None):
        return _database_message(error)
    return f"{type(error).__name__}: {error}. {_FOR_MORE}"


def _database_message(error: Any) -> str:
    from airflow_lite.store.faults import cause_of, is_passing, is_unanswered

    cause = cause_of(error)
    if is_passing(error):
        return f"Another writer of the metadata database was in the way: {cause}. Try again."
    if is_unanswered(error):
        return (
            f"The metadata database was lost as it was to save this: {cause}."
            " It may be done: look before you do it again."
        )
    return f"The metadata database reported an error: {cause}. {_FOR_MORE}"


def _print_error(line: str) -> None:
    try:
        print(line, file=sys.stderr, flush=True)
    except OSError:  # stderr is gone as well: the exit code has to do
        _null(2)


def _quiet() -> int:
    """Write nothing more after the reader closed the pipe, not even at exit."""
    _null(sys.stdout.fileno())
    return BROKEN_PIPE


def _write_or_drop_the_rest() -> None:
    """Leave nothing in stdout's buffer: Python would fail at exit with what cannot be written."""
    try:
        sys.stdout.flush()
    except OSError:
        _null(sys.stdout.fileno())


def _exit_code(error: SystemExit) -> int:
    if error.code is None or isinstance(error.code, int):
        return error.code or 0
    _print_error(f"{PROGRAM}: error: {error.code}")
    return 1
