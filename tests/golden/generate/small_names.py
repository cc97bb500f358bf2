"""Write small_names.json: what the small functions of Airflow 2.10.5 answer.

Run in an environment of its own, made with
    pip install 'apache-airflow==2.10.5' 'sqlalchemy<2'
and call
    AIRFLOW_HOME=$(mktemp -d) python small_names.py OUTPUT_FOLDER
The cases are expressions; the test evaluates the same ones over airflow-lite-airflow-names.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

warnings.simplefilter("ignore")

IMPORTS = """
import datetime as dt
from airflow import DAG
from airflow.exceptions import AirflowException, AirflowNotFoundException
from airflow.models import Connection
from airflow.utils import dates, helpers, operator_helpers, strings, timezone
from airflow.utils.state import DagRunState, State, TaskInstanceState
from airflow.utils.weekday import WeekDay
from airflow.utils.module_loading import import_string, qualname
from airflow.utils.trigger_rule import TriggerRule

def sample(a, b, *, c=1, **rest): pass
def plain(ds, run_id="x"): pass
def dag(schedule, zone="UTC"):
    return DAG("d", schedule=schedule, start_date=timezone.parse("2024-01-01", timezone.parse_timezone(zone)))

utc = dt.datetime(2024, 3, 31, 6, 30, tzinfo=dt.timezone.utc)
naive, aware = dt.datetime(2024, 3, 1, 12), dt.datetime(2024, 3, 1, 12, tzinfo=dt.timezone(dt.timedelta(hours=2)))
"""
CASES = """
dates.days_ago(2).isoformat()[10:]
dates.days_ago(0, hour=5, minute=3).isoformat()[10:]
dates.days_ago(3).utcoffset()
sorted(dates.cron_presets.items())
dates.infer_time_unit([130, 5, 10])
dates.infer_time_unit([110, 500, 10, 100])
dates.infer_time_unit([38000, 5000, 10000])
dates.infer_time_unit([200000, 100000])
dates.infer_time_unit([])
dates.scale_time_units([130, 5400, 10], "minutes")
dates.scale_time_units([110, 50, 10], "seconds")
dates.scale_time_units([100000, 50000], "hours")
dates.scale_time_units([200000, 100000], "days")
dates.parse_execution_date("2024-05-06").isoformat()
dates.datetime_to_nano(aware)
dates.datetime_to_nano(None)
timezone.is_localized(aware), timezone.is_localized(naive)
timezone.is_naive(aware), timezone.is_naive(naive)
timezone.make_aware(naive).isoformat()
timezone.make_aware(None)
timezone.make_aware(aware)
timezone.make_naive(aware).isoformat()
timezone.make_naive(naive)
timezone.convert_to_utc(aware).isoformat(), timezone.convert_to_utc(naive).isoformat(), timezone.convert_to_utc(None)
timezone.datetime(2024, 1, 2, 3).isoformat()
timezone.parse("2024-05-06T07:08:09").isoformat()
timezone.parse("2024-05-06 07:08+03:00").isoformat()
timezone.coerce_datetime(naive).isoformat(), timezone.coerce_datetime(aware).isoformat(), timezone.coerce_datetime(None)
timezone.from_timestamp(0).isoformat()
timezone.utc_epoch().isoformat()
timezone.td_format(dt.timedelta(days=400, hours=2, seconds=5))
timezone.td_format(dt.timedelta(seconds=0.5))
timezone.td_format(10)
timezone.td_format(None)
timezone.parse_timezone("Europe/Paris").name
helpers.chunks([1, 2, 3, 4, 5], 2)
list(helpers.chunks([1, 2, 3, 4, 5], 2))
list(helpers.chunks([1], 0))
helpers.reduce_in_chunks(lambda x, y: x + [y], [1, 2, 3, 4, 5], [], 2)
helpers.reduce_in_chunks(lambda x, y: x + y, [], 0, 2)
helpers.as_flattened_list([[1, 2], [3], []])
helpers.as_tuple([1, 2]), helpers.as_tuple("ab"), helpers.as_tuple(1)
helpers.is_container("a"), helpers.is_container([]), helpers.is_container(1)
helpers.merge_dicts({"a": 1, "r": {"a": 1, "b": 2}}, {"a": 2, "r": {"b": 3}, "n": None})
helpers.merge_dicts({"a": {"b": 1}}, {"a": 5})
[list(part) for part in helpers.partition(lambda x: x > 2, range(5))]
helpers.convert_camel_to_snake("LocalTaskJob"), helpers.convert_camel_to_snake("somethingVeryRandom")
helpers.exactly_one(1, 0, None), helpers.exactly_one(1, 1), helpers.exactly_one()
helpers.exactly_one([1], 0)
helpers.at_most_one(1, 0, None), helpers.at_most_one(1, 1), helpers.at_most_one()
helpers.prune_dict({"a": None, "b": 0, "c": {"d": None, "e": ""}, "f": [None, 1, {"g": None}]})
helpers.prune_dict({"a": None, "b": 0, "c": {"d": None, "e": ""}, "f": [None, 1, {"g": None}]}, "truthy")
helpers.prune_dict({}, "other")
helpers.prevent_duplicates({"a": 1, "b": 2}, {"b": 3, "a": 3}, fail_reason="repeated")
helpers.validate_key("a.b-c_1")
helpers.validate_key("a b")
helpers.validate_key("a" * 251)
helpers.validate_key(1)
helpers.parse_template_string("plain")
helpers.render_template_to_string(helpers.parse_template_string("{{ a }}-b")[1], {"a": 1})
strings.to_boolean("Yes"), strings.to_boolean("1"), strings.to_boolean("no"), strings.to_boolean(None)
len(strings.get_random_string()), len(strings.get_random_string(3)), strings.get_random_string(4, "a")
import_string("json.dumps").__name__
import_string("json.nothing")
import_string("nothing")
qualname(dt.datetime), qualname(TriggerRule.ALL_DONE.__class__).rpartition(".")[2]
dict(operator_helpers.determine_kwargs(plain, (), {"ds": 1, "run_id": 2, "ti": 3}))
dict(operator_helpers.determine_kwargs(plain, (1,), {"run_id": 2, "ti": 3}))
dict(operator_helpers.determine_kwargs(sample, (1,), {"b": 2, "ti": 3}))
operator_helpers.determine_kwargs(plain, (1,), {"ds": 2})
operator_helpers.make_kwargs_callable(lambda a, b=2: (a, b))(a=1, c=3)
[str(state) for state in sorted(State.finished)]
sorted(str(state) for state in State.unfinished)
str(State.SUCCESS), str(State.NONE), str(State.UP_FOR_RETRY)
sorted(map(str, State.failed_states)), sorted(map(str, State.success_states))
sorted(map(str, State.finished_dr_states)), sorted(map(str, State.unfinished_dr_states))
[day.name for day in WeekDay]
WeekDay.get_weekday_number("friday").value
WeekDay.get_weekday_number("someday")
WeekDay.convert("MONDAY"), WeekDay.convert(WeekDay.SUNDAY)
sorted(WeekDay.validate_week_day({"monday", WeekDay.FRIDAY}))
sorted(WeekDay.validate_week_day("Tuesday"))
WeekDay(3).name, WeekDay["MONDAY"].value, WeekDay.MONDAY == 1
timezone.td_format(dt.timedelta(days=100, minutes=3))
timezone.td_format(0)
[str(dag(s).following_schedule(utc)) for s in ("30 6 * * *", "@hourly", "@weekly", dt.timedelta(hours=5))]
[str(dag(s).previous_schedule(utc)) for s in ("30 6 * * *", "@hourly", "@weekly", dt.timedelta(hours=5))]
[str(dag(s).following_schedule(utc)) for s in (None, "@once")]
[str(dag(s).previous_schedule(utc)) for s in (None, "@once")]
str(dag("@daily", "Europe/Paris").following_schedule(utc)), str(dag("@daily", "Europe/Paris").previous_schedule(utc))
[str(date) for date in dag("0 12 * * *").get_run_dates(naive, utc - dt.timedelta(days=27))]
[str(date) for date in dag("@weekly", "Europe/Paris").get_run_dates(utc - dt.timedelta(days=20), utc)]
[str(date) for date in dag(dt.timedelta(hours=5)).get_run_dates(utc, utc + dt.timedelta(hours=11))]
[str(date) for date in dag("@daily").get_run_dates(None, dt.datetime(2024, 1, 3))]
[str(date) for date in dag(None).get_run_dates(naive, utc)]
dag("@daily").get_run_dates(utc)[-1] > utc
str(dag("@daily").following_schedule(naive)), str(dag("@daily").previous_schedule(naive))
str(dag("@daily").following_schedule(aware)), str(dag("@daily").previous_schedule(aware))
""".strip().splitlines()


def answer(source, names):
    try:
        value = eval(source, names)
    except Exception as error:
        return {
            "raises": [
                one.__name__
                for one in type(error).__mro__
                if one.__module__ == "builtins" or one.__name__ == "AirflowException"
            ][0]
        }
    return {"value": json.loads(json.dumps(value, default=lambda one: f"<{type(one).__name__}>"))}


def main(folder):
    names = {}
    exec(IMPORTS, names)
    found = {"imports": IMPORTS, "cases": [[source, answer(source, names)] for source in CASES]}
    Path(folder, "small_names.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
