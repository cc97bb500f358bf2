"""How a run that is under way is shown: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import TextIO

from airflow_lite.states import FINISHED
from airflow_lite.terminal import printable, raw


@contextmanager
def progress(
    total: int, *, live: bool, to: TextIO | None = None, counts_runs: bool = False
) -> Iterator[Callable[[str], None]]:
    """Give a function that shows one line of what happens, such as `d.a try 1: success`.

    `total` tasks are to end, or runs where it `counts_runs`. With `live`, a terminal gets a bar in
    place of the lines. `to` is where they go; None: stdout.
    """
    stream = sys.stdout if to is None else to
    if not live or not stream.isatty():
        yield partial(_print_line, stream)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
    from rich.table import Column

    rest = Column(ratio=1, no_wrap=True, overflow="ellipsis")  # a narrow terminal cuts this alone
    columns = (
        BarColumn(20, table_column=Column(min_width=10)),
        MofNCompleteColumn(table_column=Column(min_width=2 * len(str(total)) + 1)),
        TimeElapsedColumn(table_column=Column(min_width=7)),
        TextColumn("{task.fields[at]}", markup=False, table_column=rest),
    )
    console = Console(file=raw(stream))
    with Progress(*columns, console=console, transient=True, expand=True) as bar:
        shown = bar.add_task("", total=total, at="")

        def show(line: str) -> None:
            is_of_run = line.startswith("run ")
            if counts_runs:
                bar.update(shown, completed=_count_in(line), at=printable(line))
            elif not is_of_run:  # its end is printed below the table
                bar.update(shown, advance=_ended(line), at=printable(line))

        yield show


def _print_line(stream: TextIO, line: str) -> None:
    with suppress(OSError):  # whoever reads has gone or is full: that is no matter of the run's
        print(line, file=stream, flush=True)


def _count_in(line: str) -> int | None:
    """Return how many runs have ended, where a line tells of one: `run …: success (3 of 9)`."""
    last = line.rpartition(" (")[2] if line.startswith("run ") else ""
    return int(last.partition(" of ")[0]) if last else None


def _ended(line: str) -> int:
    """Return 1 for a line about a task that has ended, else 0."""
    state = line.partition(": ")[2].partition(" ")[0].rstrip(":")
    return int(state in FINISHED)
