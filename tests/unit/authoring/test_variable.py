"""Where Variables come from, and what may be done with them."""

from __future__ import annotations

import json

import pytest

from airflow_lite import AirflowException, Connection, Variable
from airflow_lite.authoring.secrets.search import _located, search, using
from fixtures.distributions import write_distribution


class DictStore:
    """What a store is asked for, in memory."""

    def __init__(self):
        self.variables, self.descriptions, self.connections = {}, {}, {}

    def get_variable(self, key):
        return self.variables.get(key)

    def set_variable(self, key, value, description):
        self.variables[key], self.descriptions[key] = value, description

    def update_variable(self, key, value):
        is_there = key in self.variables
        if is_there:
            self.variables[key] = value
        return is_there

    def delete_variable(self, key):
        return 0 if self.variables.pop(key, None) is None else 1

    def get_connection(self, conn_id):
        return self.connections.get(conn_id)


@pytest.fixture(autouse=True)
def variables(monkeypatch, tmp_path):
    monkeypatch.setenv("AIRFLOW_LITE_HOME", str(tmp_path))
    monkeypatch.setenv("AIRFLOW_VAR_ENV", "prod")
    monkeypatch.setenv("AIRFLOW_VAR_TABLES", '["a", "b"]')


@pytest.fixture
def store():
    store = DictStore()
    with using(store):
        yield store
    assert search().store is not store


@pytest.fixture
def backend(monkeypatch):
    """Configure a backend of this module, with these arguments."""

    def configure(name, **arguments):
        monkeypatch.setenv("AIRFLOW_LITE__SECRETS__BACKEND", name)
        monkeypatch.setenv("AIRFLOW_LITE__SECRETS__BACKEND_KWARGS", json.dumps(arguments))
        search()._loaded_by = 0

    yield configure
    search()._loaded_by = 0


def test_a_variable_is_text_or_what_its_json_says():
    assert Variable.get("env") == "prod"
    assert Variable.get("tables", deserialize_json=True) == ["a", "b"]


def test_a_missing_variable_is_its_default_or_an_error():
    assert Variable.get("missing", default_var=None) is None
    assert Variable.get("missing", "other", deserialize_json=True) == "other"
    with pytest.raises(KeyError) as raised:
        Variable.get("missing")
    assert raised.value.args == (
        "Variable missing does not exist. Make it with `airflow-lite variables set`, or set"
        " AIRFLOW_VAR_MISSING.",
    )


def test_text_that_is_not_json_is_told_by_name():
    with pytest.raises(json.JSONDecodeError, match="Variable env is not JSON: Expecting value"):
        Variable.get("env", deserialize_json=True)


def test_the_environment_stands_before_the_store(store):
    store.variables |= {"env": "of the store", "other": "too"}
    store.connections["shop"] = {"conn_id": "shop", "conn_type": "http", "host": "h"}

    assert (Variable.get("env"), Variable.get("other")) == ("prod", "too")
    assert Connection.get_connection_from_secrets("shop").host == "h"


@pytest.mark.parametrize(
    "change",
    [
        lambda: Variable.set("env", "dev"),
        lambda: Variable.update("env", "dev"),
        lambda: Variable.setdefault("missing", "dev"),
        lambda: Variable.delete("env"),
    ],
    ids=["set", "update", "setdefault", "delete"],
)
def test_without_a_store_nothing_is_changed(change):
    with pytest.raises(AirflowException, match="only tasks and commands reach the metadata"):
        change()


def test_what_is_set_and_would_not_be_read_is_told(store, caplog):
    Variable.set("env", "dev")

    assert store.variables == {"env": "dev"}
    assert caplog.messages == [
        "The variable env is defined in the EnvironmentVariablesBackend secrets backend, which"
        " takes precedence over reading from the database. The value in the database will be"
        " updated, but to read it you have to delete the conflicting variable from"
        " EnvironmentVariablesBackend"
    ]


def test_an_update_leaves_the_description(store):
    Variable.set("region", "north", description="where")
    Variable.update("region", {"at": 1}, serialize_json=True)

    assert store.descriptions == {"region": "where"}
    assert json.loads(store.variables["region"]) == {"at": 1}


def test_a_backend_of_files_stands_before_all(store, backend, tmp_path):
    (tmp_path / "v.yaml").write_text("env: of the file\nlimits: {rows: 5}\n")
    (tmp_path / "c.env").write_text("# comment\n\nshop=http://h:80\n")
    store.variables["region"] = "north"
    backend(
        "airflow.secrets.local_filesystem.LocalFilesystemBackend",
        variables_file_path=f"{tmp_path}/v.yaml",
        connections_file_path=f"{tmp_path}/c.env",
    )

    assert (Variable.get("env"), Variable.get("region")) == ("of the file", "north")
    assert Variable.get("limits", deserialize_json=True) == {"rows": 5}
    assert Connection.get_connection_from_secrets("shop").get_uri() == "http://h:80"
    assert Connection.get_connection_from_secrets("none", None) is None


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("v.json", "{", "Expecting property name"),
        ("v.json", "[]", "v.json holds no object."),
        ("v.yaml", "a: [", "while parsing a flow node"),
        ("v.env", "a", "line 1 is not NAME=VALUE"),
        ("v.env", "a=1\na=2", "has 2 values of 'a'. Keep one."),
        ("v.txt", "a=1", "v.txt has an unknown format. Name it .env, .json, .yaml or .yml."),
    ],
)
def test_a_backend_that_fails_is_told_and_the_next_place_is_asked(
    backend, caplog, tmp_path, name, text, reason
):
    (tmp_path / name).write_text(text)
    backend(
        "airflow_lite.authoring.secrets.LocalFilesystemBackend",
        variables_file_path=f"{tmp_path}/{name}",
    )

    assert Variable.get("env") == "prod"
    assert "Unable to retrieve variable 'env' from secrets backend (LocalFilesystemBackend)." in (
        caplog.text
    )
    assert reason in caplog.text


@pytest.mark.parametrize(
    ("path", "arguments", "reason"),
    [
        ("no_such_module.Backend", {}, "There is no module 'no_such_module'."),
        ("airflow_lite.authoring.secrets.Nothing", {}, "has no 'Nothing'"),
        ("airflow_lite.authoring.secrets.LocalFilesystemBackend", {"x": 1}, "backend_kwargs"),
    ],
)
def test_a_backend_that_cannot_be_made_is_an_error(backend, path, arguments, reason):
    backend(path, **arguments)
    with pytest.raises(AirflowException, match=r"\[secrets\] backend") as raised:
        Variable.get("env")
    assert reason in str(raised.value)


def offer(folder, distribution, name):
    """Write the metadata of a distribution that offers a backend of this name."""
    info = write_distribution(folder, distribution)
    path = "airflow_lite.authoring.secrets:LocalFilesystemBackend"
    (info / "entry_points.txt").write_text(f"[airflow_lite.secrets.v1]\n{name} = {path}\n")


@pytest.fixture
def files(tmp_path, monkeypatch):
    (tmp_path / "v.env").write_text("env=of the file\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    _located.cache_clear()
    yield {"variables_file_path": f"{tmp_path}/v.env"}
    _located.cache_clear()


def test_a_backend_is_found_by_the_name_that_a_distribution_offers(backend, tmp_path, files):
    offer(tmp_path, "vaults", "MyVault")
    backend("MyVault", **files)

    assert Variable.get("env") == "of the file"


def test_ours_needs_no_distribution(backend, files):
    backend("LocalFilesystemBackend", **files)

    assert Variable.get("env") == "of the file"


@pytest.mark.parametrize(
    ("offers", "disabled", "reason"),
    [
        (
            {},
            "",
            "There is no secrets backend 'MyVault'. There are: EnvironmentVariablesBackend,"
            " LocalFilesystemBackend.",
        ),
        ({"vaults": "MyVault"}, "Vaults", "There is no secrets backend 'MyVault'."),
        (
            {"vaults": "Other"},
            "",
            "There are: EnvironmentVariablesBackend, LocalFilesystemBackend,",
        ),
        (
            {"vaults": "MyVault", "more-vaults": "MyVault"},
            "",
            "[secrets] backend 'MyVault' is offered by several distributions: more-vaults, vaults."
            " Write the path of the class.",
        ),
    ],
)
def test_a_name_that_nobody_or_several_offer_is_an_error(
    backend, monkeypatch, tmp_path, files, offers, disabled, reason
):
    for distribution, name in offers.items():
        offer(tmp_path, distribution, name)
    monkeypatch.setenv("AIRFLOW_LITE__PLUGINS__DISABLED", disabled)
    backend("MyVault", **files)
    with pytest.raises(AirflowException) as raised:
        Variable.get("env")
    assert reason in str(raised.value)


def test_arguments_that_are_no_object_are_taken_for_none(backend, monkeypatch, caplog):
    backend("airflow_lite.authoring.secrets.LocalFilesystemBackend")
    monkeypatch.setenv("AIRFLOW_LITE__SECRETS__BACKEND_KWARGS", "[1]")

    assert Variable.get("env") == "prod"
    assert "[secrets] backend_kwargs is no JSON object." in caplog.text
