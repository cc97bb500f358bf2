"""Write cli.json: the commands of Airflow 2.10.5 that airflow-lite mirrors, run for real.

Run in an environment of its own, made with
    pip install 'apache-airflow==2.10.5' 'sqlalchemy<2' graphviz
with its bin folder first in PATH, and call
    AIRFLOW_HOME=$(mktemp -d) python cli.py OUTPUT_FOLDER
A new database is made in AIRFLOW_HOME. It takes about five minutes.

"words": every command, and the words of each group.
"commands": by command, its positional arguments and flags, from Airflow's own parser.
"listings": by call, the keys and one row of its `-o json` output.
"outputs": by call, the exit code, and the last lines of stdout and stderr.
"beside_broken_file": the same, while a DAG file that can not be imported lies in the folder.
The home folder is written as $AIRFLOW_HOME, versions and moments are those of the run.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

COMMANDS = """
version; info; config get-value; config list; db migrate; db check; db reset;
dags list; dags details; dags show; dags trigger; dags pause; dags unpause; dags list-runs;
dags list-import-errors; dags next-execution; dags test; dags delete;
cheat-sheet; standalone; dags report; dags show-dependencies; tasks failed-deps; tasks list; tasks run; tasks test; tasks state; tasks states-for-dag-run; tasks clear;
tasks render; pools list; pools get; pools set; pools delete; jobs check; scheduler; plugins
"""
USAGE = 2  # argparse's exit code; Airflow prints the command's help on stdout
NOISE = re.compile(r".*Warning: |[ ^~]*$")
TRACEBACK = re.compile(r"  File \"|    |Traceback ")
LOG_PREFIX = re.compile(r"^\[\d{4}-[^]]*\] \{[^}]*\} ")

DAG_FILE = """
from datetime import datetime

from airflow import DAG
from airflow.operators.bash import BashOperator
from airflow.operators.empty import EmptyOperator
from airflow.operators.python import PythonOperator


def fail():
    raise ValueError("no luck")


with DAG("little", start_date=datetime(2024, 1, 1), schedule="@daily", catchup=False,
         tags=["a", "b"], description="A little DAG", params={"p": 1}, max_active_runs=3):
    first = BashOperator(task_id="first", bash_command="echo {{ ds }} {{ params.p }}",
                         env={"A": "{{ run_id }}"})
    second = EmptyOperator(task_id="second")
    first >> second

with DAG("failing", start_date=datetime(2024, 1, 1), schedule=None):
    PythonOperator(task_id="fail", python_callable=fail) >> EmptyOperator(task_id="after")
"""
BROKEN_FILE = "from airflow import DAG\nimport no_such_module_here\n"

RUN = "manual__2024-02-02T00:00:00+00:00"
# In this order: later calls need what earlier ones did.
LISTINGS = (
    "dags list -o json",
    "dags list --columns dag_id,is_paused -o json",
    "dags details little -o json",
    "dags trigger little -e 2024-02-02T00:00:00+00:00 -o json",
    "dags trigger little -r my_run -e 2024-02-03 -c '{\"p\": 2}' -o json",
    "dags list-runs -d little -o json",
    "dags list-runs -d little --state running -o json",
    "dags pause little -y -o json",
    "dags unpause little -y -o json",
    f"tasks states-for-dag-run little '{RUN}' -o json",
    "tasks states-for-dag-run little 2024-02-02T00:00:00+00:00 -o json",
    "pools list -o json",
    "pools set small 3 'a small pool' -o json",
    "pools set small 4 'a small pool' --include-deferred -o json",
    "pools get small -o json",
    "pools delete small -o json",
    "plugins -o json",
    "info -o json",
)
BESIDE_BROKEN_FILE = (
    "dags list-import-errors -o json",
    "dags list-import-errors",
    "dags list",
    "dags list-runs -d little",
    "dags next-execution little",
    "tasks list little",
)
OUTPUTS = (
    "version",
    "config get-value core executor",
    "config get-value core no_such_option",
    "config get-value no_such_section executor",
    "config list --section cli",
    "config list --section no_such_section",
    "db check",
    "dags next-execution little",
    "dags next-execution little -n 3",
    "dags next-execution failing",
    "dags show little",
    "dags show nope",
    "dags list -o table",
    "dags list -o plain",
    "dags list -o yaml",
    "dags list -o nope",
    "dags list --columns nope",
    "dags details nope",
    "dags details",
    "dags trigger nope",
    "dags trigger little -r my_run",
    "dags trigger little -e 2024-02-03",
    "dags trigger little -e yesterday",
    "dags trigger little -c not-json",
    "dags trigger little -c '[1]'",
    "dags trigger little -c '{\"p\": {}}' -r 'bad run id'",
    "dags trigger little -r ''",
    "dags pause nope",
    "dags unpause nope",
    "dags list-runs -d nope",
    "dags list-runs",
    "dags list-runs -d little --state nope",
    "dags next-execution nope",
    "dags test nope",
    "dags test little nope",
    "dags test little 2024-03-01",
    "dags test failing 2024-03-01",
    "dags delete nope -y",
    "dags nope",
    "nope",
    "",
    "dags",
    "tasks list little",
    "tasks list little --tree",
    "tasks list nope",
    "tasks state little first 2024-03-01",
    "tasks state little nope 2024-03-01",
    "tasks state nope first 2024-03-01",
    "tasks state little first no_such_run",
    "tasks states-for-dag-run little no_such_run",
    "tasks states-for-dag-run nope no_such_run",
    "tasks test little first 2024-03-02",
    "tasks test little nope 2024-03-02",
    "tasks test failing fail 2024-03-02",
    "tasks test nope first 2024-03-02",
    "tasks run little nope my_run",
    "tasks run little first no_such_run",
    "tasks run nope first no_such_run",
    "tasks run little first",
    "tasks render little first my_run",
    "tasks render little first 2024-03-05",
    "tasks render little nope my_run",
    "tasks render nope first my_run",
    "tasks clear little -y",
    "tasks clear nope -y",
    "tasks clear little -t no_such_task -y",
    "tasks clear little -s 2030-01-01 -y",
    "pools get nope",
    "pools delete nope",
    "pools delete default_pool",
    "pools set bad x d",
    "pools set bad -1 d",
    "pools set 'bad name!' 1 d",
    "pools set infinite -- -1 d",
    "jobs check",
    "jobs check --job-type SchedulerJob --allow-multiple --limit 0",
    "jobs check --allow-multiple",
    "dags delete little -y",
    "db reset -y",
    "dags list-runs -d little",
)


def leaf_parsers(parser: argparse.ArgumentParser, words: tuple[str, ...] = ()):
    """Yield (words of the command, its parser)."""
    groups = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    if not groups:
        yield words, parser
    for group in groups:
        for name, child in group.choices.items():
            yield from leaf_parsers(child, (*words, name))


def argument_row(action: argparse.Action) -> dict[str, object]:
    row: dict[str, object] = {}
    if action.option_strings:
        row["flags"] = list(action.option_strings)
    row["dest"] = action.dest
    row["action"] = type(action).__name__.strip("_").removesuffix("Action").lower()
    if action.nargs is not None:
        row["nargs"] = action.nargs
    if action.choices is not None:
        row["choices"] = sorted(map(str, action.choices))
    if action.default not in (None, False, argparse.SUPPRESS):
        default = action.default if isinstance(action.default, int) else str(action.default)
        row["default"] = clean(default) if isinstance(default, str) else default
    if action.metavar is not None:
        row["metavar"] = str(action.metavar)
    if action.type is not None:
        row["type"] = getattr(action.type, "__name__", str(action.type))
    if action.option_strings and action.required:
        row["required"] = True
    return row


def command_rows() -> dict[str, list[dict[str, object]]]:
    from airflow.cli.cli_parser import get_parser

    wanted = {tuple(line.split()) for line in COMMANDS.replace("\n", " ").split(";")}
    found = {}
    for words, parser in leaf_parsers(get_parser()):
        if words in wanted:
            rows = [
                argument_row(action)
                for action in parser._actions
                if not isinstance(action, argparse._HelpAction)
            ]
            exclusive = [
                [action.dest for action in group._group_actions]
                for group in parser._mutually_exclusive_groups
            ]
            found[" ".join(words)] = {"arguments": rows} | (
                {"exclusive": exclusive} if exclusive else {}
            )
    assert len(found) == len(wanted), wanted - {tuple(name.split()) for name in found}
    return found


def call(text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["airflow", *shlex.split(text)],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=300,
        env={
            **os.environ,
            "COLUMNS": "200",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
        },
    )


def clean(text: str) -> str:
    home = os.environ["AIRFLOW_HOME"]
    return text.replace(home, "$AIRFLOW_HOME").replace(str(Path(sys.prefix)), "$PREFIX")


def listing_row(text: str) -> dict[str, object]:
    done = call(text)
    row: dict[str, object] = {"exit": done.returncode}
    value = find_json(done.stdout)
    if isinstance(value, list) and value and isinstance(value[0], dict):
        keys = list(dict.fromkeys(key for item in value for key in item))
        row |= {"rows": len(value), "keys": keys}
        if keys == list(value[-1]):
            row["example"] = {
                key: cut(item) for key, item in value[-1].items() if key != "file_token"
            }
    elif value is not None:
        row["value"] = value
    else:
        row |= {"stdout": tail(done.stdout), "stderr": tail(done.stderr, 3)}
    return row


def find_json(text: str) -> object:
    """Return the JSON document at the end of the output, after any log lines."""
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if line.startswith(("[", "{")):
            try:
                return json.loads("\n".join(lines[number:]))
            except json.JSONDecodeError:
                continue
    return None


def cut(value: object) -> object:
    text = clean(value) if isinstance(value, str) else value
    return text[:200] if isinstance(text, str) else text


def tail(text: str, count: int = 20) -> list[str]:
    """Return the last lines, without warnings, and log lines without moment and place."""
    lines = [LOG_PREFIX.sub("", line.rstrip()) for line in clean(text).splitlines()]
    kept = [line for line in lines if line and not NOISE.match(line)]
    return [line[:300] for line in kept[-count:]]


def without_traceback(text: str) -> list[str]:
    lines = tail(text)
    if "Traceback " not in text:
        return lines
    return [line for line in lines if not TRACEBACK.match(line)]


def output_row(text: str) -> dict[str, object]:
    done = call(text)
    return {
        "exit": done.returncode,
        "stdout": ["(the help)"] if done.returncode == USAGE else without_traceback(done.stdout),
        "stderr": without_traceback(done.stderr)[-2:],
    }


def broken_rows() -> dict[str, dict[str, object]]:
    """What a file that can not be imported does to other commands."""
    path = Path(os.environ["AIRFLOW_HOME"], "dags", "broken.py")
    path.write_text(BROKEN_FILE)
    rows = {
        text: listing_row(text) if text.endswith("json") else output_row(text)
        for text in BESIDE_BROKEN_FILE
    }
    path.unlink()
    return rows


def prepare() -> None:
    folder = Path(os.environ["AIRFLOW_HOME"], "dags")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "little.py").write_text(DAG_FILE)
    for text in ("db migrate", "dags reserialize", "dags unpause little -y"):
        call(text)


def write(path: Path, data: dict[str, object]) -> None:
    """One call a line, one argument a line."""
    parts = []
    for name, rows in data.items():
        if isinstance(rows, dict) and name == "commands":
            text = ",\n".join(
                f"  {json.dumps(key)}: {command_text(row)}" for key, row in rows.items()
            )
            parts.append(f' "{name}": {{\n{text}\n }}')
        elif isinstance(rows, dict):
            text = ",\n".join(
                f"  {json.dumps(key)}: {json.dumps(row)}" for key, row in rows.items()
            )
            parts.append(f' "{name}": {{\n{text}\n }}')
        else:
            parts.append(f' "{name}": {json.dumps(rows)}')
    path.write_text("{\n" + ",\n".join(parts) + "\n}\n")


def command_text(command: dict[str, object]) -> str:
    lines = ",\n".join("    " + json.dumps(row) for row in command["arguments"])
    exclusive = command.get("exclusive")
    tail_text = f', "exclusive": {json.dumps(exclusive)}' if exclusive else ""
    return f'{{"arguments": [\n{lines}\n   ]{tail_text}}}'


def words() -> dict[str, list[str] | None]:
    """Return every command, and the words of each group; a command that is none has None."""
    from airflow.cli.cli_config import GroupCommand, core_commands
    from airflow.providers.fab.auth_manager.fab_auth_manager import FabAuthManager

    return {
        command.name: sorted(inner.name for inner in command.subcommands)
        if isinstance(command, GroupCommand)
        else None
        for command in [*core_commands, *FabAuthManager.get_cli_commands()]
    }


def main(output: Path) -> None:
    data: dict[str, object] = {
        "airflow": "2.10.5",
        "words": words(),
        "commands": command_rows(),
    }
    write(output / "cli.json", data)
    prepare()
    data["listings"] = {text: listing_row(text) for text in LISTINGS}
    write(output / "cli.json", data)
    data["beside_broken_file"] = broken_rows()
    data["outputs"] = {text: output_row(text) for text in OUTPUTS}
    write(output / "cli.json", data)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
