"""What a notifier sees, sends and leaves is what it is in Airflow."""

from __future__ import annotations

from datetime import datetime

from airflow_lite import DAG, BaseNotifier
from fixtures.goldens import read_golden


def make_dag(dag_id, **arguments):
    return DAG(dag_id, start_date=datetime(2024, 1, 1), schedule=None, **arguments)


def listed(value):
    """Return a value as JSON has it."""
    if isinstance(value, dict):
        return {key: listed(item) for key, item in value.items()}
    return [listed(item) for item in value] if isinstance(value, (list, tuple)) else value


def test_a_notifier_renders_adds_its_fields_and_is_left_as_in_airflow(callback_cases):
    answers = callback_cases.notifier_answers(BaseNotifier, make_dag)

    assert listed(answers) == read_golden("callbacks")["notifiers"]


def test_a_notifier_without_notify_says_so(caplog):
    BaseNotifier()({"dag": None})

    assert "BaseNotifier has no method notify(context)." in caplog.text
