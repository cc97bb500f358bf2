"""The decorators of airflow.decorators, as functions."""

from __future__ import annotations

from airflow_lite.authoring.decorators.task import task

python_task = task.python
bash_task = task.bash
branch_task = task.branch
short_circuit_task = task.short_circuit
sensor_task = task.sensor
virtualenv_task = task.virtualenv
external_python_task = task.external_python
branch_virtualenv_task = task.branch_virtualenv
branch_external_python_task = task.branch_external_python
run_if = task.run_if
skip_if = task.skip_if
