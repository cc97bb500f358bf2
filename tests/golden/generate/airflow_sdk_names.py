"""Write airflow_sdk_names.json: the public names of `airflow.sdk`, by the module that has each.

Fetch the distribution with
    pip install --no-deps --target FOLDER 'apache-airflow-task-sdk==1.3.2'
and call
    python airflow_sdk_names.py FOLDER OUTPUT_FOLDER

Nothing of it is imported: its table of lazy imports is read.
"""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path

TABLE = "__lazy_imports"

source = Path(sys.argv[1], "airflow/sdk/__init__.py").read_text()
(table,) = (
    node.value
    for node in ast.parse(source).body
    if isinstance(node, ast.AnnAssign) and getattr(node.target, "id", "") == TABLE
)
names = {name: f"airflow.sdk{home}" for name, home in ast.literal_eval(table).items()}
text = json.dumps(names, indent=1, sort_keys=True)
Path(sys.argv[2], "airflow_sdk_names.json").write_text(text + "\n")
