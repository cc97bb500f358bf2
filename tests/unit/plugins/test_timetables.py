"""Timetables of authors: found as installed distributions, with the answers of Airflow 2.10.5."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from itertools import islice

import pytest

from airflow_lite import DAG, AirflowDagException, EmptyOperator, errors
from airflow_lite.authoring.timetable import AuthorsTimetable
from airflow_lite.clock import iso, to_us
from airflow_lite.parsing.serialize import dag_spec
from airflow_lite.plugins.discovery.model import PluginError
from airflow_lite.plugins.probing.quarantine import judged, known_plugins
from airflow_lite.plugins.timetables import LimitedTimetable, Timetables
from airflow_lite.spec import own_timetable, timetable
from airflow_lite.spec.model import DagSpec
from fixtures.goldens import GOLDENS, read_golden

GOLDEN = read_golden("own_timetables")
SOURCE = (GOLDENS / "own_timetables.py").read_text()
NAMES = ("Workday", "Growing", "Never", "Failing", "Later")
ENTRIES = "\n".join(f"{name.lower()} = calendars:{name}Timetable" for name in NAMES)
NOW = to_us(datetime.fromisoformat(GOLDEN["now"]))


@pytest.fixture
def calendars(site, configured):
    """Give the module of an installed distribution's timetables, which this process can find."""
    site.install("calendars", timetables=ENTRIES, modules={"calendars": SOURCE})
    import calendars  # type: ignore[import-not-found]

    calendars.now = lambda: datetime.fromisoformat(GOLDEN["now"])
    own_timetable.resolve_with(Timetables(configured()))
    yield calendars
    forget()
    own_timetable._resolvers().clear()


def forget():
    own_timetable._known().clear()


def made(schedule, **options):
    """Return a DAG as another process has it, from what the store holds."""
    options = {"start_date": datetime.fromisoformat(GOLDEN["start"]), **options}
    with DAG("d", schedule=schedule, **options) as dag:
        EmptyOperator(task_id="t")
    forget()
    return DagSpec.from_json(dag_spec(dag).to_json())


def shown(run):
    return [iso(us) for us in run]


def runs(dag):
    try:
        run = timetable.following_run(dag, None, NOW) if dag.schedule.has_time else None
        while run is not None:
            yield shown(run)
            run = timetable.following_run(dag, run.interval_end_us, NOW, run.interval_start_us)
    except RuntimeError:  # Airflow says so, and makes none; here, whoever asked does
        return


def after(dag):
    try:
        first = timetable.following_run(dag, None, NOW)
    except RuntimeError:
        return None
    return first and iso(timetable.neighbours(dag, first.logical_us, first.interval_end_us)[1])


def manual(dag, text):
    try:
        interval = timetable.manual_interval(dag, to_us(datetime.fromisoformat(text)))
    except RuntimeError as error:
        return str(error)
    return [iso(us) for us in interval]


def between(dag):
    first, last = (to_us(datetime(2024, *day, tzinfo=UTC)) for day in ((5, 29), (6, 4)))
    try:
        return [shown(run) for run in islice(timetable.runs_between(dag, first, last, NOW), 8)]
    except RuntimeError:
        return []


@pytest.mark.parametrize("title", GOLDEN["cases"])
def test_its_answers_are_those_of_airflow(calendars, title):
    case = dict(GOLDEN["cases"][title])
    options = case.pop("arguments")
    if "end_date" in options:
        options["end_date"] = datetime.fromisoformat(options["end_date"]).replace(tzinfo=UTC)
    dag = made(eval(case.pop("timetable"), vars(calendars)), **options)

    found = {name: getattr(dag.schedule, name) for name in ("summary", "description")}
    found["can_be_scheduled"] = dag.schedule.can_be_scheduled
    found |= {"runs": list(islice(runs(dag), 8)), "after": after(dag), "between": between(dag)}
    found["manual"] = {text: manual(dag, text) for text in case["manual"]}
    assert found == case


def test_a_count_of_due_runs_asks_it_for_each(calendars):
    dag = made(calendars.GrowingTimetable(), catchup=True)

    assert timetable.count_due(dag, None, NOW, 1000) == 8
    assert timetable.count_due(dag, None, NOW, 3) == 3


def test_it_may_stand_beside_datasets(calendars):
    from airflow_lite import Dataset, DatasetOrTimeSchedule

    schedule = DatasetOrTimeSchedule(timetable=calendars.WorkdayTimetable(6), datasets=Dataset("x"))
    dag = made(schedule)

    assert dag.schedule.summary == "Dataset or workdays at 06"
    assert timetable.following_run(dag, None, NOW) is not None
    assert dag.schedule.datasets


def test_one_that_nobody_installed_is_refused_where_the_dag_is_made(calendars):
    loose = type("Loose", (calendars.NeverTimetable,), {"__module__": "elsewhere"})
    with pytest.raises(
        AirflowDagException, match=r"elsewhere\.Loose' is not registered\. Install it as a"
    ):
        made(loose())


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("def serialize(self):\n        return {1, 2}", "serialize returns what JSON cannot hold"),
        ("def serialize(self):\n        return {'x': 1}", "not take what its serialize returns"),
        ("def generate_run_id(self, **_):\n        return 'x'", "generate_run_id, which has no"),
        ("def validate(self):\n        raise error('bad hour')", "^bad hour$"),
        ("active_runs_limit = 1", "needs max_active_runs of at most 1"),
    ],
)
def test_one_that_cannot_be_used_is_an_error_of_the_file(site, body, reason):
    loads = "@classmethod\n    def deserialize(cls, data):\n        return cls(**data)"
    source = f"{SOURCE}\nclass Odd(NeverTimetable):\n    can_be_scheduled = True\n    {body}\n    {loads}\n"
    site.install("odd", timetables="odd = odd_one:Odd", modules={"odd_one": source})
    import odd_one  # type: ignore[import-not-found]

    odd_one.error = errors.AirflowTimetableInvalid
    with pytest.raises(AirflowDagException, match=reason):
        made(odd_one.Odd())


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("DagRunInfo.exact(datetime(2024, 6, 1))", "where a datetime with a time zone is due"),
        ("DagRunInfo.exact(restriction.earliest)", "which is not after the run before it"),
        ("5", "gives None where a datetime"),
    ],
)
def test_an_answer_that_is_no_following_run_is_refused(calendars, answer, reason):
    def odd(self, *, last_automated_data_interval, restriction):
        return eval(answer, vars(calendars), {"restriction": restriction})

    dag = made(calendars.GrowingTimetable())
    calendars.GrowingTimetable.next_dagrun_info = odd
    with pytest.raises(AirflowDagException, match=reason):
        timetable.following_run(dag, dag.start_date_us, NOW, dag.start_date_us)


def test_one_that_takes_too_long_is_stopped(calendars):
    dag = made(calendars.GrowingTimetable())
    authors = AuthorsTimetable(calendars.GrowingTimetable(), "growing")

    def endless(self, **_):
        while True:
            pass

    calendars.GrowingTimetable.next_dagrun_info = endless
    with pytest.raises(AirflowDagException, match="'growing' takes longer than 0.01 s"):
        LimitedTimetable(authors, "growing", 0.01).following_run(dag, None)


def resolved(configured, name="bad", **environ):
    return Timetables(configured(**environ))(name, {})


def test_code_that_ends_the_process_is_quarantined_and_never_imported_here(site, configured):
    source = "import os\nos._exit(3)\n"
    site.install("bad", timetables="bad = bad_one:Bad", modules={"bad_one": source})

    with pytest.raises(PluginError, match=r"Plugin bad \(1\.0\) is quarantined: "):
        resolved(configured)
    assert "bad_one" not in sys.modules


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("Bad = 5", "no subclass of Timetable"),
        ("class Bad:\n    pass", "no subclass of Timetable"),
        (
            "from airflow_lite import Timetable\nclass Bad(Timetable):\n    pass",
            "no next_dagrun_in",
        ),
        ("import nothing_of_the_kind", "nothing_of_the_kind"),
    ],
)
def test_what_is_no_timetable_is_quarantined(site, configured, source, reason):
    site.install("bad", timetables="bad = bad_two:Bad", modules={"bad_two": source})

    config = configured()
    plugin = next(one for one in known_plugins(config) if one.distribution == "bad")
    state = judged(plugin, config)[0]
    assert (state.state, reason in state.reason) == ("quarantined", True)


def test_one_that_is_gone_or_disabled_is_named(site, configured):
    with pytest.raises(PluginError, match="No installed distribution offers the timetable 'bad'"):
        resolved(configured)
    site.install("bad", timetables="bad = bad_three:Bad", modules={"bad_three": SOURCE})
    with pytest.raises(PluginError, match=r"comes from bad \(1\.0\), which cannot be used \(disab"):
        resolved(configured, AIRFLOW_LITE_DISABLE_PLUGINS="bad")


def test_a_value_that_names_no_class_is_told_before_any_import(site, configured):
    site.install("bad", timetables="bad = bad_four", modules={"bad_four": ""})

    plugin = next(one for one in known_plugins(configured()) if one.distribution == "bad")
    assert plugin.state == "wrong type"
    assert "of airflow_lite.timetables.v1 is 'bad_four', no class" in plugin.reason
