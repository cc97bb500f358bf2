"""Variables and connections on both databases."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from airflow_lite.config import Config
from airflow_lite.errors import UserError
from airflow_lite.security.cipher import Cipher
from airflow_lite.store import connections, schema, variables
from airflow_lite.store.asked_secrets import versions
from airflow_lite.store.connections import ConnectionFields
from airflow_lite.store.engine import open_store

NOTHING: Any = None
NUMBER: Any = 5
SHOP = ConnectionFields(
    "shop", "postgres", "the shop", "h", "me", "s3cret", "s", 5432, '{"key": "k"}'
)


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request, tmp_path):
    environ = {"AIRFLOW_LITE_HOME": str(tmp_path)}
    if request.param == "postgresql":
        make = request.getfixturevalue("made_postgres")
        environ["AIRFLOW_LITE__DATABASE__SQL_ALCHEMY_CONN"] = make()
    store = open_store(Config.load(environ))
    yield store
    store.close()


@pytest.fixture
def cipher(tmp_path):
    return Cipher(Config(tmp_path))


def kept(store, table):
    with store.read() as connection:
        return connection.execute(sa.select(table)).mappings().all()


def test_variables_are_made_changed_updated_and_deleted(store, cipher):
    with store.begin() as connection:
        variables.put(connection, cipher, {"a": "1", "b": "2", "c": "3"}, "first")
        variables.put(connection, cipher, {"b": "two", "d": "4"}, "second")
        assert variables.update(connection, cipher, "c", "three")
        assert not variables.update(connection, cipher, "nowhere", "x")
        assert (variables.delete(connection, "a"), variables.delete(connection, "a")) == (1, 0)
        assert variables.existing(connection, ["a", "b", "nowhere"]) == {"b"}
        assert variables.values(connection, cipher) == {"b": "two", "c": "three", "d": "4"}
        assert variables.get(connection, cipher, "a") is None
    rows = {row["key"]: row for row in kept(store, schema.variable)}

    assert {key: row["description"] for key, row in rows.items()} == {
        "b": "second",
        "c": "first",
        "d": "second",
    }
    assert all(row["is_encrypted"] and row["val"].startswith("gAAA") for row in rows.values())


def test_connections_are_added_changed_and_deleted(store, cipher):
    plain = ConnectionFields("plain", "http")
    with store.begin() as connection:
        assert connections.add(connection, cipher, SHOP)
        assert not connections.add(connection, cipher, SHOP._replace(host="other"))
        connections.put(connection, cipher, [plain, SHOP._replace(extra=None, port=None)])
        found = connections.connections(connection, cipher)
        assert [one.fields for one in found] == [plain, SHOP._replace(extra=None, port=None)]
        assert [one[2:] for one in found] == [(False, False), (True, False)]
        assert connections.get(connection, cipher, "nowhere") is None
        assert connections.existing(connection, ["shop", "nowhere"]) == {"shop"}
        assert (connections.delete(connection, "plain"), connections.delete(connection, "x")) == (
            1,
            0,
        )
    (row,) = kept(store, schema.connection)
    assert row["password"].startswith("gAAA")


def test_all_that_is_encrypted_is_encrypted_anew(store, cipher):
    with store.begin() as connection:
        variables.put(connection, cipher, {"a": "1", "b": "2"})
        connections.put(connection, cipher, [SHOP, SHOP._replace(conn_id="more", password=None)])
        names = [("variable", "a"), ("variable", "b"), ("connection", "shop")]
        before = versions(connection, names)
    with store.begin() as connection:
        assert (variables.rotate(connection, cipher), connections.rotate(connection, cipher)) == (
            2,
            3,
        )
    with store.begin() as connection:
        after = versions(connection, names)
        assert variables.values(connection, cipher) == {"a": "1", "b": "2"}
        assert connections.get(connection, cipher, "shop") == SHOP
    assert before.keys() == after.keys() == set(names)
    assert [name for name in names if before[name] == after[name]] == []


@pytest.mark.parametrize(
    ("write", "reason"),
    [
        (lambda to, by: variables.put(to, by, {"": "x"}), "A Variable's key has 1 to 250"),
        (lambda to, by: variables.put(to, by, {"a": "\ud800"}), "Variable a has what no database"),
        (lambda to, by: variables.put(to, by, {"a": "b"}, "\0"), "Variable a has what no database"),
        (
            lambda to, by: connections.add(to, by, SHOP._replace(host="h" * 501)),
            "The connection 'shop' cannot be kept: its host has 501 characters, and may have 500.",
        ),
        (
            lambda to, by: connections.add(to, by, SHOP._replace(conn_type=NOTHING)),
            "The connection 'shop' cannot be kept: its conn_type is missing.",
        ),
        (
            lambda to, by: connections.add(to, by, SHOP._replace(login=NUMBER)),
            "The connection 'shop' cannot be kept: its login is '5', which is no text.",
        ),
        (
            lambda to, by: connections.add(to, by, SHOP._replace(schema="\0")),
            "The connection 'shop' cannot be kept: its schema has what no database keeps",
        ),
    ],
)
def test_what_no_database_takes_is_refused(store, cipher, write, reason):
    with pytest.raises(UserError) as raised, store.begin() as connection:
        write(connection, cipher)

    assert str(raised.value).startswith(reason)
