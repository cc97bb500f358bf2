"""Write semantics.json: answers about Airflow 2.10.5, each found by running it.

Run in an environment of its own, made with
    pip install 'apache-airflow==2.10.5' 'sqlalchemy<2'
and call
    export AIRFLOW_HOME=$(mktemp -d); airflow db migrate; python semantics OUTPUT_FOLDER

Tasks run in this process, the way `airflow dags test` runs them; limits between tasks and runs
are asked of the scheduler's own code. A "history" is a list of
[moment, state, try_number, max_tries] of one task instance.
"""

from __future__ import annotations

import json
import logging
import sys
import warnings
from pathlib import Path

from airflow.utils.session import create_session
from authoring import groups, refusals
from limits import limits, past, priority_weights
from operators import bash, context_keys, decorators, sensors
from runs import params, run_ids, run_states, xcom
from tries import branch_returns, clearing, short_circuit, tries

SECTIONS = (
    priority_weights, tries, clearing, branch_returns, short_circuit, run_states, run_ids, params,
    xcom, context_keys, bash, decorators, groups, sensors, refusals, past, limits,
)  # fmt: skip


def write(path: Path, data: dict[str, object]) -> None:
    parts = []
    for name, section in data.items():
        if isinstance(section, dict):
            lines = ",\n".join(
                f"  {json.dumps(key)}: {json.dumps(row)}" for key, row in section.items()
            )
            parts.append(f' "{name}": {{\n{lines}\n }}')
        else:
            parts.append(f' "{name}": {json.dumps(section)}')
    path.write_text("{\n" + ",\n".join(parts) + "\n}\n")


def main(output: Path) -> None:
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    data: dict[str, object] = {"airflow": "2.10.5"}
    for section in SECTIONS:
        with create_session() as session:
            data[section.__name__] = section(session)
        write(output / "semantics.json", data)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
