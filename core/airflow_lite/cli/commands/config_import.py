"""`airflow-lite config import`."""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_lite.cli import context
from airflow_lite.cli.airflow_settings import (
    CARRIED,
    REFUSED,
    WITHOUT_EFFECT,
    Setting,
    judged,
    read_airflow_cfg,
)
from airflow_lite.cli.commands.config import add_plugin_options
from airflow_lite.cli.output import print_rows
from airflow_lite.config import CONFIG_FILE
from airflow_lite.private_files import make_folder, write_private
from airflow_lite.secrets_masker import shown_option

if TYPE_CHECKING:
    from collections.abc import Iterable

_VERDICTS = (CARRIED, REFUSED, WITHOUT_EFFECT)


def import_settings(args: context.Args) -> int:
    """Take over what an airflow.cfg sets; say of each setting what becomes of it."""
    config = context.config(args)
    add_plugin_options(config)
    path = Path(args.file or Path(os.environ.get("AIRFLOW_HOME") or "~/airflow") / "airflow.cfg")
    settings = [*judged(read_airflow_cfg(path.expanduser()), config)]
    settings.sort(key=lambda setting: _VERDICTS.index(setting.verdict))
    is_whole = args.output in {"json", "yaml"}
    print_rows(
        [_row(alike) for alike in ([[one] for one in settings] if is_whole else _folded(settings))],
        args.output,
        columns=args.columns,
        shown=("setting", "verdict", "note"),
        wide=("value",),
    )
    new = [setting for setting in settings if setting.verdict == CARRIED and not setting.note]
    file = config.home / CONFIG_FILE
    if new and not args.dry_run:
        make_folder(config.home)
        text = file.read_text(encoding="utf-8") if file.exists() else ""
        write_private(file, _with_settings(text, new))
    sys.stdout.flush()  # what it sums up comes first
    context.notice(_summary(settings, new, file, is_dry=args.dry_run))
    return 0


def _folded(settings: Iterable[Setting]) -> Iterable[list[Setting]]:
    """Put settings of a section together of which the same is to be told."""
    folded: dict[tuple[str, ...], list[Setting]] = {}
    for setting in settings:
        own = () if setting.note else (setting.name,)
        place = (setting.section, setting.verdict, setting.note, *own)
        folded.setdefault(place, []).append(setting)
    return folded.values()


def _row(alike: list[Setting]) -> dict[str, Any]:
    first, *others = alike
    more = f" and {len(others)} more" if others else ""
    return {
        "setting": f"[{first.section}] {first.name}{more}",
        "value": "" if others else shown_option(first.name, first.value),
        "verdict": first.verdict,
        "note": first.note,
    }


def _summary(settings: list[Setting], new: list[Setting], file: Path, *, is_dry: bool) -> str:
    counts = Counter(setting.verdict for setting in settings)
    told = ", ".join(
        f"{counts[verdict]} {verdict}" for verdict in (CARRIED, REFUSED, WITHOUT_EFFECT)
    )
    verb = "would be written" if is_dry else "written"
    return f"{len(settings)} settings: {told}. {len(new)} {verb} to {file}."


def _with_settings(text: str, settings: Iterable[Setting]) -> str:
    """Return the text of a configuration file with these settings, each in its section."""
    lines = text.splitlines()
    for setting in settings:
        header = f"[{setting.section}]"
        at = next((n for n, line in enumerate(lines) if line.strip().lower() == header), None)
        if at is None:
            lines += ([""] if lines else []) + [header]
            at = len(lines) - 1
        value = setting.value.replace("\n", "\n    ")
        lines.insert(at + 1, f"{setting.name} = {value}")
    return "\n".join(lines) + "\n"
