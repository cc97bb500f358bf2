"""Questions that a person answers with y or n."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_lite.errors import UserError

if TYPE_CHECKING:
    import argparse


def confirmed(args: argparse.Namespace, warning: str) -> bool:
    """Return whether `--yes` was given or the user says y; raise if there is nobody to ask."""
    if args.yes:
        return True
    print(warning)
    try:
        answer = input("Proceed? (y/n) ")
    except EOFError:
        raise UserError("There is nobody to ask. Add --yes if you are sure.") from None
    return answer.strip().lower() in {"y", "yes"}
