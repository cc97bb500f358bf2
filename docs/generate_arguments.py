"""Write reference/airflow-arguments.md; call it by `python docs/generate_arguments.py`.

Its rows are the signatures of Airflow 2.10 (tests/golden/arguments.json); what becomes of each is
in the table that the checks themselves use. `tests/unit/authoring/arguments` compares.
"""

from __future__ import annotations

import json
from pathlib import Path

from airflow_lite.authoring.arguments.airflow_arguments import ACCEPTED, REFUSED
from airflow_lite.authoring.decorators.task import REFUSED_DECORATORS

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reference" / "airflow-arguments.md"
GOLDEN = ROOT / "tests" / "golden" / "arguments.json"
#: EmptyOperator has BaseOperator's arguments, @dag has DAG's.
SECTIONS = (
    ("DAG", "DAG", "`DAG(…)`, and `@dag(…)`, where `dag_id` is the function's name unless given"),
    ("BaseOperator", "BaseOperator", "every operator and decorated task, and `default_args`"),
    ("BashOperator", "", ""),
    ("EmailOperator", "", ""),
    ("PythonOperator", "", "and `BranchPythonOperator`"),
    ("ShortCircuitOperator", "", "beside those of `PythonOperator`"),
    ("BaseSensorOperator", "", "every sensor"),
    ("PythonSensor", "", "beside those of `BaseSensorOperator`"),
    ("BashSensor", "", "beside those of `BaseSensorOperator`"),
    ("FileSensor", "", "beside those of `BaseSensorOperator`"),
    ("DateTimeSensor", "", "beside those of `BaseSensorOperator`"),
    ("DateTimeSensorAsync", "", "beside those of `DateTimeSensor`"),
    ("TimeSensor", "", "beside those of `BaseSensorOperator`"),
    ("TimeSensorAsync", "", "beside those of `TimeSensor`"),
    ("TimeDeltaSensor", "", "beside those of `BaseSensorOperator`"),
    ("TimeDeltaSensorAsync", "", "beside those of `TimeDeltaSensor`"),
    ("DayOfWeekSensor", "", "beside those of `BaseSensorOperator`"),
    ("ExternalTaskSensor", "", "beside those of `BaseSensorOperator`"),
    ("ExternalTaskMarker", "", ""),
    ("TriggerDagRunOperator", "", ""),
    ("BranchDateTimeOperator", "", ""),
    ("BranchDayOfWeekOperator", "", ""),
    ("TaskGroup", "", "and `@task_group(…)`, where `group_id` is the function's name"),
)
#: What is no argument, and so in no table.
ELSEWHERE = (
    "",
    "## What there is no argument for",
    "",
    "[Mapping](../how-to/map-tasks.md): `partial` takes the arguments that all instances share,",
    "`expand` and `expand_kwargs` the others. [Timetables of your own](../how-to/write-a-timetable.md)",
    "are classes with the methods of Airflow's.",
)


def page() -> str:
    """Return the page."""
    golden = json.loads(GOLDEN.read_text())
    lines = [
        "# Arguments of Airflow 2.10",
        "",
        f"Every argument of the authoring interface of Airflow {golden['airflow']},",
        "and what becomes of it here.",
        "*Done*: it has Airflow's effect.",
        "*Accepted*: it has no effect, and a DAG that uses it gets one notice.",
        "*Refused*: it would change what runs, so the DAG does not load, with the reason.",
        "An argument that is not in these tables is refused as unknown,",
        "and one of a wrong type with a line that names it.",
    ]
    for name, declared, what in SECTIONS:
        lines += ["", f"## {name}", ""]
        if what:
            lines += [f"{what[0].upper()}{what[1:]}.", ""]
        lines += ["| argument | default | here |", "|---|---|---|"]
        lines += [_row(item, declared) for item in golden[name]["parameters"] if _named(item)]
    return "\n".join(lines + _decorators(golden)) + "\n"


def _named(parameter: dict[str, str]) -> bool:
    return not parameter["kind"].startswith("var_")


def _row(parameter: dict[str, str], declared: str) -> str:
    default = parameter.get("default")
    shown = "required" if default is None else f"`{default}`".replace("|", "\\|")
    return f"| `{parameter['name']}` | {shown} | {_fate(parameter['name'], declared)} |"


def _fate(name: str, declared: str) -> str:
    for word, table in (("accepted", ACCEPTED), ("refused", REFUSED)):
        for argument in table.get(declared, ()):
            if argument.name == name:
                return f"{word}: {argument.why}"
    return "done"


def _decorators(golden: dict[str, list[str]]) -> list[str]:
    lines = ["", "## @task", "", "Each takes its operator's arguments and `multiple_outputs`.", ""]
    lines += ["| decorator | here |", "|---|---|"]
    for name in golden["task_attributes"]:
        reason = REFUSED_DECORATORS.get(name)
        lines.append(f"| `@task.{name}` | {f'refused: {reason}' if reason else 'done'} |")
    return lines + list(ELSEWHERE)


if __name__ == "__main__":
    PAGE.write_text(page())
