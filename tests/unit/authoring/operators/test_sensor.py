"""Sensors: when they look, stop looking, and what they make of errors."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from airflow_lite import (
    DAG,
    AirflowFailException,
    AirflowRescheduleException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
    BaseSensorOperator,
    PokeReturnValue,
    PythonSensor,
)


@pytest.fixture
def make(make_context):
    """Make a sensor that answers one by one, and its context."""

    def sensor(*answers, **options):
        left = list(answers)

        def look():
            answer = left.pop(0)
            if isinstance(answer, BaseException):
                raise answer
            return answer

        with DAG("d", schedule=None):
            made = PythonSensor(
                task_id="t", python_callable=look, **{"poke_interval": 0, **options}
            )
        return made, make_context(made)

    return sensor


@pytest.mark.parametrize(
    ("answers", "wanted"),
    [
        ((True,), None),
        ((False, 0, "yes"), None),
        ((False, PokeReturnValue(False, 1), PokeReturnValue(True, {"a": 1})), {"a": 1}),
    ],
)
def test_a_sensor_looks_until_the_answer_is_true(make, answers, wanted):
    sensor, context = make(*answers)

    assert sensor.execute(context) == wanted


BROKEN = ValueError("broken")


@pytest.mark.parametrize(
    ("answer", "options", "error"),
    [
        (BROKEN, {}, ValueError),
        (BROKEN, {"soft_fail": True}, ValueError),
        (BROKEN, {"never_fail": True}, AirflowSkipException),
        (AirflowFailException("x"), {}, AirflowFailException),
        (AirflowFailException("x"), {"soft_fail": True}, AirflowSkipException),
        (AirflowFailException("x"), {"never_fail": True}, AirflowSkipException),
        (AirflowFailException("x"), {"silent_fail": True}, AirflowFailException),
        (AirflowTaskTimeout("x"), {"soft_fail": True}, AirflowSkipException),
        (AirflowTaskTimeout("x"), {}, AirflowTaskTimeout),
        (AirflowSkipException("x"), {}, AirflowSkipException),
        (False, {"timeout": 0, "mode": "reschedule"}, AirflowSensorTimeout),
        (False, {"timeout": 0, "mode": "reschedule", "soft_fail": True}, AirflowSkipException),
    ],
)
def test_how_a_sensor_ends_without_an_answer(make, answer, options, error):
    sensor, context = make(answer, **options)
    context["ti"].waiting_since = datetime.now(UTC) - timedelta(seconds=1)
    with pytest.raises(error):
        sensor.execute(context)


@pytest.mark.parametrize(
    ("soft_fail", "error"), [(False, AirflowSensorTimeout), (True, AirflowSkipException)]
)
def test_poke_mode_times_out_by_its_own_watch(make, monkeypatch, soft_fail, error):
    sensor, context = make(False, False, False, timeout=10, soft_fail=soft_fail)
    moments = iter([0.0, 5.0, 5.0, 11.0])
    monkeypatch.setattr(
        "airflow_lite.authoring.operators.sensor.time.monotonic", lambda: next(moments)
    )

    with pytest.raises(
        error, match="run duration of 11.0 seconds exceeds the specified timeout of 10.0"
    ):
        sensor.execute(context)


def test_a_silent_sensor_logs_the_error_and_looks_again(make, caplog):
    sensor, context = make(BROKEN, True, silent_fail=True)
    sensor.execute(context)

    assert "Sensor poke failed:" in caplog.text


def test_reschedule_frees_the_slot_until_the_next_look(make):
    sensor, context = make(False, mode="reschedule", poke_interval=timedelta(seconds=90))
    before = datetime.now(UTC)
    with pytest.raises(AirflowRescheduleException) as caught:
        sensor.execute(context)

    after, pause = datetime.now(UTC), timedelta(seconds=90)
    assert before + pause <= caught.value.reschedule_date <= after + pause


def test_the_timeout_of_a_rescheduled_sensor_counts_from_the_first_look_of_the_try(make):
    sensor, context = make(False, False, mode="reschedule", timeout=60)
    context["ti"].waiting_since = datetime.now(UTC) - timedelta(seconds=30)
    with pytest.raises(AirflowRescheduleException):
        sensor.execute(context)
    context["ti"].waiting_since = datetime.now(UTC) - timedelta(seconds=61)
    with pytest.raises(AirflowSensorTimeout):
        sensor.execute(context)


def test_backoff_doubles_stays_the_same_when_asked_again_and_is_capped(make):
    sensor, _ = make(poke_interval=10, exponential_backoff=True, timeout=10_000)
    waits = [sensor.next_interval_s(1.5, 0, count) for count in range(1, 8)]

    for count, wait in enumerate(waits, start=1):
        least = max(int(10 * 2 ** (count - 2)), 1)
        assert least <= wait < 2 * least
        assert wait == sensor.next_interval_s(1.5, 0, count)
    capped, _ = make(poke_interval=10, exponential_backoff=True, max_wait=20, timeout=10_000)
    assert capped.next_interval_s(1.5, 0, 7) == 20
    assert sensor.next_interval_s(1.5, 9_990, 7) == 10


def test_a_clock_that_is_set_while_a_rescheduled_sensor_looks_is_not_counted(make, monkeypatch):
    class Later(datetime):
        @classmethod
        def now(cls, tz=None):
            return super().now(tz) + timedelta(hours=5)

    sensor, context = make(False, mode="reschedule", timeout=600)

    def look(_):
        monkeypatch.setattr("airflow_lite.authoring.operators.sensor.datetime", Later)
        return False

    monkeypatch.setattr(sensor, "poke", look, raising=False)
    with pytest.raises(AirflowRescheduleException):
        sensor.execute(context)


def test_a_clock_that_is_set_as_a_rescheduled_sensor_starts_is_not_counted(make):
    sensor, context = make(False, mode="reschedule", timeout=600)
    context["ti"].start_date = datetime.now(UTC) - timedelta(hours=5)
    context["ti"].waiting_since = context["ti"].start_date - timedelta(seconds=30)
    with pytest.raises(AirflowRescheduleException):
        sensor.execute(context)


def test_backoff_of_a_rescheduled_sensor_follows_from_the_time_since_its_first_look(make):
    sensor, _ = make(poke_interval=10, exponential_backoff=True, mode="reschedule", timeout=10_000)
    began = datetime(2024, 1, 1, tzinfo=UTC)
    waits = [sensor.next_interval_s(began, elapsed, 1) for elapsed in (0, 100, 1000)]

    assert waits == sorted(waits)
    assert waits[0] < 20 < waits[-1]


def test_backoff_never_overflows(make):
    sensor, _ = make(poke_interval=10, exponential_backoff=True, timeout=10**8)

    assert sensor.next_interval_s(0.0, 0, 100_000) == 10**8


def test_a_sensor_of_ones_own_needs_only_poke(make_context):
    class Twice(BaseSensorOperator):
        looks = 0

        def poke(self, context):
            self.looks += 1
            return self.looks == 2

    with DAG("d", schedule=None):
        sensor = Twice(task_id="t", poke_interval=0)
    sensor.execute(make_context(sensor))

    assert sensor.looks == 2


def test_the_timeout_is_a_setting(monkeypatch):
    monkeypatch.setenv("AIRFLOW_LITE__SENSORS__DEFAULT_TIMEOUT", "12")
    with DAG("d", schedule=None):
        assert PythonSensor(task_id="t", python_callable=bool).timeout == 12


def test_an_operator_without_work_says_so(make_context):
    with DAG("d", schedule=None):
        sensor = BaseSensorOperator(task_id="t")
    with pytest.raises(NotImplementedError, match=r"BaseSensorOperator has no poke\(\)"):
        sensor.execute(make_context(sensor))
