"""Which files asked for Variables and connections that have changed since."""

from __future__ import annotations

import json

import pytest

from airflow_lite.config import Config
from airflow_lite.security.cipher import Cipher
from airflow_lite.store import connections, variables
from airflow_lite.store.asked_secrets import stale_paths, versions
from airflow_lite.store.connections import ConnectionFields
from airflow_lite.store.dags import KnownFile
from airflow_lite.store.engine import open_store

REGION, SHOP, NOWHERE = ("variable", "region"), ("connection", "shop"), ("variable", "nowhere")


@pytest.fixture
def store(tmp_path):
    opened = open_store(Config(tmp_path))
    yield opened
    opened.close()


@pytest.fixture
def cipher(tmp_path):
    return Cipher(Config(tmp_path))


@pytest.fixture
def filled(store, cipher):
    with store.begin() as connection:
        variables.put(connection, cipher, {"region": "north", "other": "x"})
        connections.put(connection, cipher, [ConnectionFields("shop", "http", password="a")])
    return store


def file(path, asked):
    return KnownFile(path, "f", (), None, 0, 0, secrets=json.dumps(asked))


@pytest.fixture
def files(filled):
    with filled.read() as connection:
        now = versions(connection, [REGION, SHOP, NOWHERE])
    assert now.keys() == {REGION, SHOP}
    return [
        file("nothing.py", []),
        file("region.py", [[*REGION, now[REGION]]]),
        file("shop.py", [[*SHOP, now[SHOP]], [*REGION, now[REGION]]]),
        file("nowhere.py", [[*NOWHERE, None]]),
    ]


def stale(store, files):
    with store.read() as connection:
        return stale_paths(connection, files)


def test_what_is_as_it_was_makes_no_file_stale(filled, files, cipher):
    with filled.begin() as connection:
        variables.put(connection, cipher, {"other": "y"})

    assert stale(filled, files) == set()


@pytest.mark.parametrize(
    ("change", "paths"),
    [
        (lambda to, cipher: variables.put(to, cipher, {"region": "n"}), {"region.py", "shop.py"}),
        (lambda to, cipher: variables.delete(to, "region"), {"region.py", "shop.py"}),
        (lambda to, cipher: variables.put(to, cipher, {"nowhere": ""}), {"nowhere.py"}),
        (lambda to, cipher: connections.delete(to, "shop"), {"shop.py"}),
        (
            lambda to, cipher: connections.put(to, cipher, [ConnectionFields("shop", "http")]),
            {"shop.py"},
        ),
    ],
    ids=["changed", "deleted", "made", "connection deleted", "connection changed"],
)
def test_a_file_is_stale_when_what_it_asked_for_is_another(filled, files, cipher, change, paths):
    with filled.begin() as connection:
        change(connection, cipher)

    assert stale(filled, files) == paths


@pytest.mark.parametrize(
    "text", ["", "{", "5", "[5]", '[["variable"]]', '[["x", "y", null]]', None]
)
def test_a_row_that_makes_no_sense_asked_for_nothing(filled, text):
    odd = KnownFile("odd.py", "f", (), None, 0, 0, secrets=text)

    assert stale(filled, [odd]) == set()
