"""Write authors.json: what Airflow 2.10.5 makes of what authors of DAGs write and pull.

Run as `generate/semantics` is: python authors.py OUTPUT_FOLDER
"""

from __future__ import annotations

import json
import logging
import sys
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "semantics"))

from airflow.utils.session import create_session
from bench import make_dag, python, run_to_end, start_run

#: What a task may ask for, after z, then m, then n have pushed `found`, `b` and `a`.
PULLS: dict[str, dict] = {
    "key": {"key": "found"},
    "nothing": {},
    "any key": {"key": None},
    "an empty key": {"key": ""},
    "any key of one task": {"task_ids": "m", "key": None},
    "any key of two tasks": {"task_ids": ["z", "m"], "key": None},
    "an index": {"map_indexes": -1},
    "indexes": {"map_indexes": [-1]},
    "no tasks": {"task_ids": []},
    "no indexes": {"map_indexes": []},
    "one task twice": {"task_ids": ["z", "m", "z"]},
    "prior dates": {"key": "found", "include_prior_dates": True},
    "prior dates of two tasks": {
        "key": "found", "task_ids": ["z", "m"], "include_prior_dates": True,
    },
    "prior dates of two tasks, any key": {
        "key": None, "task_ids": ["z", "m"], "include_prior_dates": True,
    },
    "what only the first run pushed": {"key": "first", "include_prior_dates": True},
}  # fmt: skip


def xcom_pulls(session) -> dict[str, object]:
    seen: dict[str, object] = {}

    def push(ti, number):
        day = ti.execution_date.day
        if day == 1:
            ti.xcom_push(key="first", value=f"first of {ti.task_id}")
        for key in ("found", "b", "a"):
            ti.xcom_push(key=key, value=f"{key}{number} of {day}")
        return f"r{number} of {day}"

    def look(ti):
        for name, arguments in PULLS.items():
            value = ti.xcom_pull(**arguments)
            seen[name] = value if isinstance(value, (str, type(None))) else list(value)

    with make_dag("pulls") as dag:
        tasks = [
            python(name, push, op_kwargs={"number": number})
            for number, name in enumerate(("z", "m", "n"), start=1)
        ]
        tasks[0] >> tasks[1] >> tasks[2] >> python("look", look)
    for day in (0, 1):
        run_to_end(dag, start_run(dag, session, day=day), session)
    return seen


SECTIONS = (xcom_pulls,)


def main(output: Path) -> None:
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    data: dict[str, object] = {"airflow": "2.10.5", "pulls asked": PULLS}
    for section in SECTIONS:
        with create_session() as session:
            data[section.__name__] = section(session)
    (output / "authors.json").write_text(json.dumps(data, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
