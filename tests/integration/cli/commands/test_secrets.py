"""Variables and connections by command: what Airflow 2.10.5 answers, but for secrets."""

from __future__ import annotations

import json
import shlex
import sqlite3
from pathlib import Path

import pytest

from airflow_lite.cli.core_commands import all_commands
from airflow_lite.cli.main import run
from fixtures.goldens import read_golden

GOLDEN = read_golden("variables")
#: What Airflow keeps of a connection that an import overwrites: its password, for one.
LEFTOVERS = "connections get shop -o json"
#: Fields of a row that have other values here: rows that an import left alone took no number, and
#: what is kept is encrypted.
OWN = {"id", "is_encrypted", "is_extra_encrypted"}
NO_KEY = "Could not create connection."


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with Airflow's files, a home beside it."""
    folder = tmp_path / "work"
    folder.mkdir()
    for name, text in GOLDEN["files"].items():
        (folder / name).write_text(text)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("AIRFLOW_LITE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("AIRFLOW_LITE__CORE__FERNET_KEY", raising=False)
    return folder


@pytest.fixture
def call(folder, capsys):
    run(["db", "migrate"])
    capsys.readouterr()

    def call(text):
        code = run(shlex.split(text))
        return code, *capsys.readouterr()

    return call


def test_each_call_answers_as_airflow_does(folder, call):
    overwritten = False
    for text, code, out, error, made in GOLDEN["calls"]:
        overwritten |= text.endswith("--overwrite")
        before = texts_of(folder)
        clear = " --show-values" if is_listing_of_connections(text) else ""
        done, stdout, stderr = call(f"{text}{clear}")
        after = texts_of(folder)

        assert (text, done) == (text, code), stderr
        if not (overwritten and text == LEFTOVERS):
            assert (text, comparable(text, stdout)) == (text, comparable(text, out))
        assert is_told(error, stderr), (text, stderr)
        changed = {name: after[name] for name in after if before.get(name) != after[name]}
        assert changed == {name: content for name, content in made.items() if content}


def texts_of(folder):
    return {path.name: path.read_text() for path in folder.iterdir()}


def is_listing_of_connections(text):
    return text.startswith("connections") and text.endswith("-o json")


def comparable(text, out):
    """Return what is to be the same: numbers as texts, as Airflow has them, and no passwords."""
    if is_listing_of_connections(text) and out:
        return [
            {name: value for name, value in row.items() if name not in OWN}
            for row in json.loads(out, parse_int=str)
        ]
    if text == "variables list -o json":
        return sorted(row["key"] for row in json.loads(out))
    if text.startswith(("rotate", "connections test")):
        return None  # in words of ours
    return out.replace("s3cret", "***") if " add " in text else out


def is_told(error, stderr):
    """Whether Airflow's words are in ours; what it raises unhandled is told in words of ours."""
    if error.startswith(("ConnectionNotUnique", "AirflowException", "Expecting value", NO_KEY)):
        return stderr.startswith("airflow-lite: error: ")
    return " ".join(error.split()) in stderr


def test_every_argument_of_airflows_is_there():
    own = {}
    for group in all_commands():
        for command in getattr(group, "subcommands", [group]):
            name = group.name if command is group else f"{group.name} {command.name}"
            own[name] = {flag for arg in getattr(command, "args", ()) for flag in arg.flags}
    aside = {"--color", "-v", "--verbose"}  # the terminal decides, and every command has these
    for name, arguments in GOLDEN["commands"].items():
        if name != "connections create-default-connections":
            flags = {flag for argument in arguments for flag in argument["flags"]}
            assert flags - aside <= own[name], name


def test_no_secret_is_shown_without_show_values(call):
    uri = "postgresql://reader:s3cret@db/orders?api_key=k3yk3y&sslmode=require"
    shown = call(f"connections add shop --conn-uri '{uri}'")
    shown += call(
        """connections add deep --conn-type http --conn-password pa/ss --conn-extra '{"a": {"token": "t0ken"}}'"""
    )
    for listing in ("list", "get shop", "get deep"):
        for form in ("table", "json", "yaml", "plain"):
            shown += call(f"connections {listing} -o {form}")
    call("variables set password h1dden")
    shown += call("variables list -o json")
    text = "\n".join(map(str, shown))

    assert [
        secret
        for secret in ("s3cret", "k3yk3y", "pa/ss", "pa%2Fss", "t0ken", "h1dden")
        if secret in text
    ] == []
    assert "sslmode" in text
    assert "s3cret" in call("connections list -o json --show-values")[1]
    assert "h1dden" in call("variables list -o json --show-values")[1]


def test_a_connection_of_the_environment_is_shown_before_that_of_the_store(call, monkeypatch):
    call("connections add shop --conn-uri http://of-the-store")
    monkeypatch.setenv("AIRFLOW_CONN_SHOP", "http://of-the-environment")
    (row,) = json.loads(call("connections get shop -o json")[1])

    assert (row["id"], row["host"]) == (None, "of-the-environment")
    assert [row["host"] for row in json.loads(call("connections list -o json")[1])] == [
        "of-the-store"
    ]


def test_values_are_encrypted_in_the_database_and_can_be_rotated(call, tmp_path, monkeypatch):
    from cryptography.fernet import Fernet

    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    database = tmp_path / "home" / "airflow_lite.db"
    key = "AIRFLOW_LITE__CORE__FERNET_KEY"
    monkeypatch.setenv(key, old)
    call("variables set region north")
    call("connections add shop --conn-uri 'http://me:s3cret@h/?api_key=k3yk3y'")

    def kept():
        with sqlite3.connect(database) as connection:
            (value,) = connection.execute("SELECT val FROM variable").fetchone()
            return [value, *connection.execute("SELECT password, extra FROM connection").fetchone()]

    assert [Fernet(old).decrypt(text).decode() for text in kept()] == [
        "north",
        "s3cret",
        '{"api_key": "k3yk3y"}',
    ]
    monkeypatch.setenv(key, f"{new},{old}")
    code, out, _ = call("rotate-fernet-key")
    assert (code, out) == (
        0,
        "Encrypted anew: 1 value(s) of variables, 2 password(s) and extra(s) of connections.\n",
    )
    assert [Fernet(new).decrypt(text).decode() for text in kept()][:2] == ["north", "s3cret"]
    monkeypatch.setenv(key, new)
    assert call("variables get region")[1] == "north\n"
    monkeypatch.setenv(key, old)
    code, out, error = call("variables get region")
    assert (code, out) == (1, "")
    assert "was encrypted by a key that is not here" in error
    monkeypatch.setenv(key, "short")
    assert "[core] fernet_key is no Fernet key." in call("variables get region")[2]


def test_the_key_is_made_in_the_home_for_its_owner_alone(call, tmp_path):
    call("variables set region north")
    file = tmp_path / "home" / "fernet.key"

    assert file.stat().st_mode & 0o777 == 0o600
    assert len(file.read_text().strip()) == 44


def test_an_export_is_a_file_for_its_owner_alone(call, folder):
    call("variables set region north")
    (folder / "out.json").write_text("of before, and much longer than what follows: " + "x" * 99)
    (folder / "out.json").chmod(0o644)
    call("variables export out.json")

    assert json.loads((folder / "out.json").read_text()) == {"region": "north"}
    assert call("variables export /dev/null")[0] == 0
    assert (folder / "out.json").stat().st_mode & 0o777 == 0o600


def test_without_cryptography_values_are_kept_as_they_are_and_that_is_said(
    call, monkeypatch, tmp_path
):
    monkeypatch.setattr("airflow_lite.security.cipher.find_spec", lambda name: None)
    code, _, error = call("variables set region north")

    assert (code, "pip install 'airflow-lite[crypto]'" in error) == (0, True)
    with sqlite3.connect(tmp_path / "home" / "airflow_lite.db") as connection:
        assert connection.execute("SELECT val, is_encrypted FROM variable").fetchall() == [
            ("north", 0)
        ]
    assert call("variables get region")[1] == "north\n"
    assert not (tmp_path / "home" / "fernet.key").exists()


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (
            "connections add a --conn-type http --conn-port x",
            "Could not create connection. invalid literal",
        ),
        (
            "connections add a --conn-type http --conn-port 70000",
            "its port is '70000', which is no port",
        ),
        (f"connections add {'a' * 201} --conn-uri http://h", "less than 200 characters"),
        ("connections add a --conn-json '[1]'", "Could not create connection."),
        ("connections add a --conn-json '{'", "Could not create connection."),
        ("connections add a --conn-json '{\"conn_type\": 5}'", "Could not create connection."),
        (f"variables set {'a' * 251} x", "A Variable's key has 1 to 250 characters, not 251."),
        ("variables set '' x", "A Variable's key has 1 to 250 characters, not 0."),
        (
            "variables export /nowhere/v.json",
            "/nowhere/v.json cannot be written: No such file or directory.",
        ),
    ],
)
def test_what_cannot_be_kept_is_told(call, words, error):
    code, out, told = call(words)

    assert (code, out) == (1, "")
    assert error in told


def test_a_connection_can_be_tried_where_the_configuration_allows_it(call, monkeypatch):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        call(f"connections add here --conn-uri http://127.0.0.1:{port}")
        call("connections add nowhere --conn-uri 'x://'")
        assert "Testing connections is disabled" in call("connections test here")[2]
        monkeypatch.setenv("AIRFLOW_LITE__CORE__TEST_CONNECTION", "Enabled")
        code, out, _ = call("connections test here")
        assert code == 0
        assert f"Connection success! 127.0.0.1:{port} takes connections." in out
    code, _, error = call("connections test here")
    assert (code, f"127.0.0.1:{port} cannot be reached" in error) == (1, True)
    assert "It has no host" in call("connections test nowhere")[2]
    assert "Connection not found." in call("connections test missing")[2]


def test_connections_and_variables_are_offered_at_a_tab(call, tmp_path):
    from airflow_lite.store import completion

    call("variables set region north --description where")
    call("connections add shop --conn-uri http://h")
    path = str(Path(tmp_path) / "home" / "airflow_lite.db")

    assert completion.variables(path, "re") == [("region", "where")]
    assert completion.connections(path, "") == [("shop", "http")]
