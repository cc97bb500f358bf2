"""What parsing found, as the store keeps it: versions, errors, DAGs that come and go."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from airflow_lite.config import Config
from airflow_lite.parsing.pool import FileResult
from airflow_lite.spec.model import DagSpec, TaskSpec
from airflow_lite.store import dag_saving, dags
from airflow_lite.store.engine import Store, open_store
from airflow_lite.store.schema import dag, dag_version

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(Config(home=tmp_path))
    yield opened
    opened.close()


def spec(dag_id: str, **fields: object) -> DagSpec:
    return replace(DagSpec(dag_id, tasks={"a": TaskSpec("a")}), **fields)  # type: ignore[arg-type]


def good(path: str, *specs: DagSpec) -> FileResult:
    return FileResult(path, "1-1", specs, duration_us=5)


def save(store: Store, *results: FileResult, **options: object) -> list[dags.Saved]:
    with store.begin() as connection:
        return dag_saving.save_results(connection, results, 7, **options)  # type: ignore[arg-type]


def row(store: Store, dag_id: str) -> sa.RowMapping:
    with store.read() as connection:
        return connection.execute(sa.select(dag).where(dag.c.dag_id == dag_id)).mappings().one()


def numbers(store: Store, dag_id: str) -> list[int]:
    with store.read() as connection:
        query = sa.select(dag_version.c.number).where(dag_version.c.dag_id == dag_id)
        return list(connection.execute(query.order_by(dag_version.c.id)).scalars())


def test_a_new_dag_gets_a_row_and_its_first_version(store: Store) -> None:
    (saved,) = save(store, good("/d/a.py", spec("a", description="what", tags=("x",))))
    assert saved == dags.Saved("/d/a.py", None, changed=("a",))
    found = row(store, "a")
    assert (found["fileloc"], found["description"], found["tags"]) == ("/d/a.py", "what", '["x"]')
    assert found["is_active"]
    assert numbers(store, "a") == [1]
    with store.read() as connection:
        latest = dags.latest_spec(connection, "a")
        assert latest is not None
        assert latest[1] == spec("a", description="what", tags=("x",))
        assert dags.file_of(connection, "a") == "/d/a.py"


def test_an_unchanged_dag_keeps_its_version_and_surprises_nobody(store: Store) -> None:
    save(store, good("/d/a.py", spec("a")))
    (saved,) = save(store, good("/d/a.py", spec("a")))
    assert saved.changed == ()
    assert numbers(store, "a") == [1]
    assert row(store, "a")["row_version"] == 0


def test_a_changed_dag_gets_the_next_version_and_whoever_keeps_it_is_told(store: Store) -> None:
    save(store, good("/d/a.py", spec("a")))
    save(store, good("/d/a.py", spec("a", max_active_runs=3)))
    (saved,) = save(store, good("/d/a.py", spec("a")))
    assert saved.changed == ("a",)
    assert numbers(store, "a") == [1, 2, 3]
    assert row(store, "a")["row_version"] == 2


@pytest.mark.parametrize(
    ("said", "configured", "paused"),
    [(None, True, True), (None, False, False), (True, False, True), (False, True, False)],
)
def test_a_new_dag_is_paused_as_it_says_or_as_configured(
    store: Store, said: bool | None, configured: bool, paused: bool
) -> None:
    result = good("/d/a.py", spec("a", is_paused_upon_creation=said))
    save(store, result, paused_at_creation=configured)
    assert row(store, "a")["is_paused"] is paused


def test_parsing_again_does_not_touch_the_pause(store: Store) -> None:
    save(store, good("/d/a.py", spec("a", is_paused_upon_creation=True)))
    with store.begin() as connection:
        connection.execute(dag.update().values(is_paused=False))
    save(store, good("/d/a.py", spec("a", is_paused_upon_creation=True, owners="me")))
    assert row(store, "a")["is_paused"] is False


def test_a_broken_file_leaves_its_last_good_dags_as_they_were(store: Store) -> None:
    save(store, good("/d/a.py", spec("a")))
    (saved,) = save(store, FileResult("/d/a.py", "2-2", error="SyntaxError: x (line 1)\n  more"))
    assert saved.error == "SyntaxError: x (line 1)\n  more"
    assert row(store, "a")["is_active"]
    with store.read() as connection:
        (known,) = dags.import_errors(connection)
    assert known == dags.KnownFile("/d/a.py", "2-2", ("a",), saved.error, 7, 0)


def test_a_mended_file_has_no_error_any_more(store: Store) -> None:
    save(store, FileResult("/d/a.py", "2-2", error="broken"))
    save(store, good("/d/a.py", spec("a")))
    with store.read() as connection:
        assert dags.import_errors(connection) == []


def test_a_dag_that_left_its_file_becomes_inactive_and_may_come_back(store: Store) -> None:
    save(store, good("/d/a.py", spec("a"), spec("b")))
    (saved,) = save(store, good("/d/a.py", spec("b")))
    assert saved.vanished == ("a",)
    assert (row(store, "a")["is_active"], row(store, "a")["row_version"]) == (False, 1)
    (saved,) = save(store, good("/d/a.py", spec("a"), spec("b")))
    assert saved.changed == ("a",)
    assert (row(store, "a")["is_active"], row(store, "a")["row_version"]) == (True, 2)
    assert numbers(store, "a") == [1]


def test_the_dags_of_a_vanished_file_become_inactive(store: Store) -> None:
    save(store, good("/d/a.py", spec("a")), good("/d/b.py", spec("b")))
    with store.begin() as connection:
        assert dags.forget_files(connection, ["/d/a.py"]) == [
            dags.Saved("/d/a.py", None, vanished=("a",))
        ]
        assert dags.forget_files(connection, ["/d/a.py"]) == []
    assert not row(store, "a")["is_active"]
    assert row(store, "b")["is_active"]


def test_a_dag_id_of_another_file_is_refused_and_both_are_named(store: Store) -> None:
    first, second = save(
        store, good("/d/b.py", spec("same", owners="b"), spec("b")), good("/d/a.py", spec("same"))
    )
    assert first.error is None
    assert second.error == (
        "DAG id 'same' is in /d/a.py and again in /d/b.py. Rename one of the two DAGs."
    )
    assert row(store, "same")["fileloc"] == "/d/a.py"
    assert row(store, "b")["is_active"]
    (later,) = save(store, good("/d/c.py", spec("same")))
    assert "'same' is in /d/a.py and again in /d/c.py." in (later.error or "")


def test_a_refused_file_is_looked_at_again_once_the_id_is_free(store: Store) -> None:
    save(store, good("/d/a.py", spec("same")), good("/d/b.py", spec("same")))
    save(store, good("/d/a.py"))
    with store.read() as connection:
        known = {file.path: file.fingerprint for file in dags.known_files(connection)}
    assert known == {"/d/a.py": "1-1", "/d/b.py": ""}
    save(store, good("/d/b.py", spec("same")))
    assert (row(store, "same")["fileloc"], row(store, "same")["is_active"]) == ("/d/b.py", True)


@pytest.mark.parametrize("order", [("/d/a.py", "/d/b.py"), ("/d/b.py", "/d/a.py")])
def test_a_dag_may_move_to_another_file_of_the_same_batch(
    store: Store, order: tuple[str, str]
) -> None:
    old, new = order
    save(store, good(old, spec("moved")))
    saved = save(store, good(old), good(new, spec("moved")))
    assert [one.error for one in saved] == [None, None]
    assert [one.vanished for one in saved] == [(), ()]
    assert (row(store, "moved")["fileloc"], row(store, "moved")["is_active"]) == (new, True)


def test_a_dag_may_move_out_of_a_file_that_is_gone(store: Store) -> None:
    save(store, good("/d/old.py", spec("moved")))
    (saved,) = save(store, good("/d/new.py", spec("moved")), gone=["/d/old.py"])
    assert saved.error is None
    with store.begin() as connection:
        assert dags.forget_files(connection, ["/d/old.py"]) == []
    assert row(store, "moved")["is_active"]


def test_a_broken_file_keeps_its_ids_from_others(store: Store) -> None:
    save(store, good("/d/a.py", spec("same")))
    _, second = save(
        store, FileResult("/d/a.py", "2", error="broken"), good("/d/b.py", spec("same"))
    )
    assert "is in /d/a.py and again in /d/b.py" in (second.error or "")


def test_what_has_no_effect_is_told_once_per_version(store: Store) -> None:
    result = good("/d/a.py", spec("a", notices=("sla is not watched.",)))
    assert save(store, result)[0].notices == ("sla is not watched.",)
    assert save(store, result)[0].notices == ()


def test_a_batch_takes_as_many_statements_as_one_file(store: Store) -> None:
    def statements(count: int, prefix: str) -> int:
        seen: list[str] = []
        sa.event.listen(store.engine, "before_cursor_execute", lambda *event: seen.append(event[2]))
        save(store, *(good(f"/{prefix}/{n}.py", spec(f"{prefix}{n}")) for n in range(count)))
        return len(seen)

    assert statements(1, "one") == statements(200, "many") <= 12


def test_more_dags_than_a_statement_takes_parameters(store: Store) -> None:
    save(store, good("/d/all.py", *(spec(f"d{number}") for number in range(1100))))
    with store.read() as connection:
        found = dags.specs_of(connection, (f"d{number}" for number in range(1100)))
    assert len(found) == 1100
    assert found["d1099"][1].dag_id == "d1099"


def test_an_unknown_dag_is_none(store: Store) -> None:
    with store.read() as connection:
        assert dags.latest_spec(connection, "nobody") is None
        assert dags.file_of(connection, "nobody") is None


JUNK = [
    ("dag_ids", "junk"),
    ("dag_ids", ""),
    ("dag_ids", "[" * 100_000),
    ("dag_ids", "7"),
    ("dag_ids", '{"a": 1}'),
    ("dag_ids", "[1, null]"),
    ("dag_ids", b"\xff"),
    ("dag_ids", 7),
    ("fingerprint", b"\xff"),
    ("parsed_us", "junk"),
    ("duration_us", "junk"),
    ("error", b"\xff"),
    ("pickled_by", b"\xff"),
]


def spoil(store: Store, path: str, column: str, junk: object) -> None:
    """Write as no writer of ours does: past SQLAlchemy's types."""
    with store.begin() as connection:
        connection.exec_driver_sql(
            f"UPDATE dag_file SET {column} = ? WHERE path = ?",
            (junk, path),
        )


@pytest.mark.parametrize(("column", "junk"), JUNK)
def test_a_file_whose_row_makes_no_sense_is_parsed_anew_and_no_other(
    store: Store, column: str, junk: object
) -> None:
    save(store, good("/d/a.py", spec("a")), good("/d/b.py", spec("b")))
    spoil(store, "/d/a.py", column, junk)
    with store.read() as connection:
        known = {file.path: file for file in dags.known_files(connection)}
    assert known["/d/a.py"] == dags.KnownFile("/d/a.py", "", (), None, 0, 0)
    assert known["/d/b.py"].fingerprint == "1-1"
    assert known["/d/b.py"].dag_ids == ("b",)


@pytest.mark.parametrize(("column", "junk"), JUNK)
def test_parsing_a_file_anew_mends_its_row(store: Store, column: str, junk: object) -> None:
    save(store, good("/d/a.py", spec("a")))
    spoil(store, "/d/a.py", column, junk)
    (saved,) = save(store, good("/d/a.py", spec("a")))
    assert saved == dags.Saved("/d/a.py", None)
    with store.read() as connection:
        (known,) = dags.known_files(connection)
    assert (known.fingerprint, known.dag_ids) == ("1-1", ("a",))


def test_a_file_whose_path_is_no_text_is_no_file(store: Store) -> None:
    save(store, good("/d/a.py", spec("a")), good("/d/b.py", spec("b")))
    spoil(store, "/d/b.py", "path", b"/d/b.py")
    with store.read() as connection:
        assert [file.path for file in dags.known_files(connection)] == ["/d/a.py"]


@pytest.mark.parametrize("junk", ["junk", "7", "{}", "[7]", b"\xff", 7, "[" * 100_000])
def test_warnings_that_make_no_sense_are_none(store: Store, junk: object) -> None:
    save(store, good("/d/a.py", spec("a")))
    spoil(store, "/d/a.py", "warnings", junk)
    with store.read() as connection:
        assert dags.warnings_of(connection, "a") == []
