"""Connections are read and written as Airflow 2.10.5 reads and writes them."""

from __future__ import annotations

import pytest

from airflow_lite import AirflowException, AirflowNotFoundException, BaseHook, Connection
from airflow_lite.authoring.secrets.templates import Connections
from airflow_lite.secrets_masker import redact
from fixtures.goldens import read_golden

GOLDEN = read_golden("authors")["connections"]
NAMES = ("conn_type", "description", "host", "login", "password", "schema", "port", "extra")


@pytest.mark.parametrize("text", GOLDEN)
def test_a_connection_is_what_airflow_makes_of_its_text(monkeypatch, text):
    monkeypatch.setenv("AIRFLOW_CONN_ASKED", text)
    if GOLDEN[text] is None:
        with pytest.raises(AirflowException):
            Connection.get_connection_from_secrets("asked")
        return
    conn = Connection.get_connection_from_secrets("asked")

    assert GOLDEN[text] == {
        **{name: getattr(conn, name) for name in NAMES},
        "uri": conn.get_uri(),
        "json": conn.as_json(),
        "dict": conn.to_dict(),
        "extra_dejson": conn.extra_dejson,
        "nested": conn.get_extra_dejson(nested=True),
        "again": Connection("asked", uri=conn.get_uri()).as_json(),
        "repr": repr(conn),
    }
    assert (conn.get_password(), conn.get_extra()) == (conn.password, conn.extra)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a://b://c://d", "its URI has more than two '://'"),
        ("a://b@c://d", "its URI has something before the second '://' that is no protocol"),
        ("{", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ('{"port": "x"}', "Expected integer value for `port`, but got 'x' instead"),
        ("pg://h:x", "Port could not be cast to integer value as 'x'"),
    ],
)
def test_what_is_no_connection_is_told_by_the_name_of_its_variable(monkeypatch, text, reason):
    monkeypatch.setenv("AIRFLOW_CONN_ASKED", text)
    with pytest.raises(AirflowException) as raised:
        Connection.get_connection_from_secrets("asked")

    assert str(raised.value) == f"AIRFLOW_CONN_ASKED is no connection: {reason}."


def test_a_field_that_connections_do_not_have_is_named(monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_ASKED", '{"hosts": "a"}')
    with pytest.raises(AirflowException, match="'hosts'"):
        Connection.get_connection_from_secrets("asked")


def test_a_connection_that_is_not_there_is_an_error_or_the_default():
    with pytest.raises(AirflowNotFoundException) as raised:
        Connection.get_connection_from_secrets("nowhere")

    assert str(raised.value) == (
        "The connection 'nowhere' is not defined. Make it with `airflow-lite connections add`, or"
        " set AIRFLOW_CONN_NOWHERE."
    )
    assert Connection.get_connection_from_secrets("nowhere", None) is None


def test_a_uri_and_single_values_exclude_each_other():
    with pytest.raises(AirflowException) as raised:
        Connection("asked", host="h", uri="pg://h")

    assert str(raised.value) == (
        "Connection 'asked' has a uri and single values. Give one or the other."
    )


def test_a_hook_is_refused_with_what_to_do():
    conn = Connection("pg", uri="postgres://h")
    reason = (
        "Connection 'pg' has no hook: hooks come with Airflow's providers, by way of"
        " airflow-lite-airflow-names. Hand its fields, or get_uri(), to the library that you use."
    )
    with pytest.raises(AirflowException) as raised:
        conn.get_hook()

    assert str(raised.value) == reason
    assert conn.test_connection() == (False, reason)


def test_templates_have_all_of_a_connection(monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_PG", "postgresql://user@host/db")

    assert Connections().pg.get_uri() == "postgres://user@host/db"
    assert Connections().get("nowhere", "default") == "default"


def test_what_is_set_later_is_masked_too():
    conn = Connection("asked", conn_type="http")
    conn.set_password("s3cret-later")
    conn.set_extra('{"token": "t0ken-later", "plain": "shown"}')

    assert (conn.get_password(), conn.extra_dejson["plain"]) == ("s3cret-later", "shown")
    assert redact("s3cret-later t0ken-later shown") == "*** *** shown"


def test_a_hook_gets_its_connection(monkeypatch, caplog):
    class Shop(BaseHook):
        def get_conn(self):
            return self.get_connection("shop").host

    monkeypatch.setenv("AIRFLOW_CONN_SHOP", "http://db")
    caplog.set_level("INFO")

    assert Shop().get_conn() == "db"
    assert [conn.conn_id for conn in BaseHook.get_connections("shop")] == ["shop"]
    assert "Retrieving connection 'shop'" in caplog.text
    Shop().log.info("connected")
    assert caplog.records[-1].name == f"airflow.task.hooks.{__name__}.Shop"
    with pytest.raises(AirflowException, match="has no hook"):
        BaseHook.get_hook("shop")
    with pytest.raises(NotImplementedError):
        BaseHook().get_conn()


class Shop:
    def test_connection(self):
        return True, "it answers"


def broken(_params):
    raise ValueError("no such module")


@pytest.mark.parametrize(
    ("make_hook", "answer"),
    [
        (lambda _params: Shop(), (True, "it answers")),
        (
            lambda _params: object(),
            (False, "Hook object doesn't implement or inherit test_connection method"),
        ),
        (broken, (False, "no such module")),
    ],
)
def test_a_connection_is_tested_by_its_hook(monkeypatch, make_hook, answer):
    monkeypatch.setattr(Connection, "make_hook", staticmethod(make_hook))

    assert Connection("shop", conn_type="http").test_connection() == answer
