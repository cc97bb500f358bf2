"""Assets of Airflow 3 are datasets, with a name besides."""

from __future__ import annotations

from datetime import datetime

import pytest

from airflow_lite import DAG, CronTriggerTimetable, Dataset, DatasetAlias, EmptyOperator
from airflow_lite.parsing.serialize import dag_spec
from airflow_lite_airflow_names.offered.assets import Asset, AssetAlias, AssetOrTimeSchedule

START = datetime(2024, 1, 1)


@pytest.mark.parametrize(
    ("asset", "name", "uri"),
    [
        (Asset("orders"), "orders", "orders"),
        (Asset("orders", "s3://b/orders"), "orders", "s3://b/orders"),
        (Asset(uri="S3://b/orders/"), "s3://b/orders", "s3://b/orders"),
        (Asset(name="orders", uri="file:///x", group="g", extra={"a": 1}), "orders", "file:///x"),
    ],
)
def test_the_name_and_the_uri_of_an_asset_stand_for_one_another(asset, name, uri):
    assert (asset.name, asset.uri) == (name, uri)
    assert asset == Dataset(uri)


def test_an_asset_without_a_name_and_a_uri_is_refused():
    with pytest.raises(TypeError, match="An Asset needs a name, a URI, or both."):
        Asset()


def test_watchers_are_refused_with_what_to_write():
    with pytest.raises(ValueError, match="Write a task with a deferrable sensor"):
        Asset("orders", watchers=[object()])


def test_a_dag_waits_for_assets_as_for_datasets():
    cron = CronTriggerTimetable("0 6 * * *", timezone="UTC")
    alias = AssetAlias("later", group="g")

    both = DAG("both", schedule=Asset("a") & (Asset("b") | alias))
    listed = DAG("listed", schedule=[Asset("a"), Asset("b", "x://b/c")])
    either = DAG(
        "either",
        schedule=AssetOrTimeSchedule(timetable=cron, assets=[Asset("a")]),
        start_date=START,
    )
    with either:
        task = EmptyOperator(task_id="t", outlets=[Asset("c")])

    specs = [dag_spec(dag).schedule.datasets for dag in (both, listed, either)]
    assert specs == [
        {"all": ["a", {"any": ["b", {"alias": "later"}]}]},
        {"all": ["a", "x://b/c"]},
        {"all": ["a"]},
    ]
    assert task.outlets == [Dataset("c")]
    assert alias == DatasetAlias("later")
