"""The functions behind the commands of `airflow-lite airflow-names`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_lite.cli import UserError, config, print_rows

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from airflow_lite_airflow_names.table import Name

OFFERED, WITH_NOTICE, REFUSED = "offered", "with a notice", "refused"


def list_names(args: argparse.Namespace) -> int:
    """List what the table says of a module's names, and of those below it."""
    rows = list(_rows(args.module))
    if not rows:
        raise UserError(
            f"There is no module {args.module!r} in the table. List them all with"
            " `airflow-lite airflow-names list`."
        )
    print_rows(rows, args.output, columns=args.columns)
    return 0


def _rows(package: str) -> Iterator[dict[str, Any]]:
    from airflow_lite_airflow_names.table import modules, names_of

    for module in modules():
        if module == package or module.startswith(f"{package}."):
            for name in names_of(module).values():
                yield {
                    "module": module,
                    "name": name.name,
                    "state": state_of(name),
                    "notice": name.text,
                }


def state_of(name: Name) -> str:
    """Return whether a name is offered, in a word."""
    if name.is_refused:
        return REFUSED
    return WITH_NOTICE if name.text else OFFERED


def check(args: argparse.Namespace) -> int:
    """Tell of each DAG file whether it loads, and what it misses; return 1 if any does not."""
    import sys

    from airflow_lite_airflow_names.check import check as check_files
    from airflow_lite_airflow_names.check import total

    reports = check_files(args.paths, config(args))
    rows = [
        {
            "file": report.file,
            "state": report.state,
            "dags": report.dags,
            "notices": list(report.notices),
            "missing": list(report.missing),
        }
        for report in reports
    ]
    print_rows(rows, args.output, columns=args.columns)
    sys.stderr.write(f"{total(reports)}\n")
    return int(any(report.missing for report in reports))


def install_provider(args: argparse.Namespace) -> int:
    """Install providers of Airflow's with all that they need, but for Airflow itself."""
    from airflow_lite_airflow_names.install_provider import install

    return install(args.names, is_dry_run=args.dry_run)
