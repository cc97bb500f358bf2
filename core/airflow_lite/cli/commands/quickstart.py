"""`airflow-lite quickstart`: make a home, run an example in it, say where everything is."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from airflow_lite.cli import context
from airflow_lite.cli.commands.dag_runs import run_with_progress
from airflow_lite.cli.program import PROGRAM
from airflow_lite.config import CONFIG_FILE, Config, core_options
from airflow_lite.errors import UserError
from airflow_lite.private_files import make_folder, write_private

EXAMPLE = "installed_packages"


def quickstart(args: context.Args) -> int:
    """Make the home where it is missing, run the example DAG, and tell what to do next."""
    config = _prepare(args)
    print(f"\nRunning the DAG {EXAMPLE!r} on {config.get('core', 'executor')}\n")
    run = run_with_progress(args, EXAMPLE, use_executor=True, live=True)
    _print_next_steps(config, run["run_id"], run["state"])
    return 0 if run["state"] == "success" else 1


def _prepare(args: context.Args) -> Config:
    """Make folders, settings, the example and the store; leave what is there as it is."""
    home = context.config(args).home
    print(f"Home: {home}")
    try:
        _make(home / CONFIG_FILE, _settings(home))
        args._config = None  # noqa: SLF001 - read again, now that there is a file
        config = context.config(args)
        dags = config.getpath("core", "dags_folder")
        _make(dags / f"{EXAMPLE}.py", _example_text())
    except OSError as error:
        raise UserError(
            f"{error.filename or home} cannot be written: {error.strerror}."
            " Set AIRFLOW_LITE_HOME to a folder that you may write to."
        ) from None
    context.store(args)
    return config


def _make(path: Path, text: str) -> None:
    if path.exists():
        print(f"  kept  {path}")
        return
    make_folder(path.parent)
    write_private(path, text)
    print(f"  made  {path}")


def _example_text() -> str:
    import airflow_lite

    folder = Path(airflow_lite.__file__).parent / "example_dags"
    return (folder / f"{EXAMPLE}.py").read_text(encoding="utf-8")


def _settings(home: Path) -> str:
    """Return airflow_lite.cfg: every option with its help, commented out but for the executor."""
    lines = [
        "# Settings of airflow-lite. An option that is commented out has the value shown.",
        "# Environment variables AIRFLOW_LITE__SECTION__NAME win over this file.",
    ]
    section = ""
    for option in core_options():
        if option.section != section:
            section = option.section
            lines += ["", f"[{section}]"]
        lines.append(f"# {option.help}")
        if (section, option.name) == ("core", "executor"):
            lines.append("executor = LocalExecutor")
        else:
            lines.append(f"# {option.name} = {option.default}".rstrip())
    return "\n".join(lines) + "\n"


def _print_next_steps(config: Config, run_id: str, state: str) -> None:
    reports = config.home / "reports" / EXAMPLE
    logs = Path(config.get("logging", "base_log_folder")) / f"dag_id={EXAMPLE}"
    if state == "success":
        newest = max(reports.glob("*/report.html"), key=lambda path: path.stat().st_mtime)
        print(f"\nReport  {newest}\n        {newest.with_suffix('.csv')}")
    print(f"Logs    {logs}")
    program = _program()
    print(
        f"""
Next:
  read what a task printed
    {program} tasks logs {EXAMPLE} join '{run_id}'
  start the scheduler, and leave it running
    {program} scheduler
  ask it for a run, from another terminal
    {program} dags trigger {EXAMPLE} --wait
  put DAG files of your own into
    {config.getpath("core", "dags_folder")}"""
    )


def _program() -> str:
    """Return what the user can type to call this program from where they are."""
    script = os.path.abspath(sys.argv[0])
    if shutil.which(PROGRAM) is not None:
        return PROGRAM
    if os.path.basename(script) == PROGRAM:
        here = os.path.relpath(script)
        return script if here.startswith("..") else here
    return f"{sys.executable} -m airflow_lite"
