"""What drawings and folds are made of, which know no request and no store."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import pytest

from airflow_lite.spec.model import TaskSpec
from airflow_lite_web.pages import layout, shown
from airflow_lite_web.pages.folding import fold_rows, groups_of, worst
from airflow_lite_web.pages.graph import _acyclic
from airflow_lite_web.pages.log_lines import blocks


def test_a_node_stands_right_of_all_that_it_comes_after():
    drawing = layout.place({"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": []})

    x = {name: box.x for name, box in drawing.boxes.items()}
    assert x["a"] < x["b"] == x["c"] < x["d"]
    assert drawing.boxes["b"].y != drawing.boxes["c"].y


def test_no_two_nodes_overlap_and_all_are_inside():
    graph = {f"n{i}": [f"n{j}" for j in range(i + 1, 30) if (i * j) % 7 == 1] for i in range(30)}
    drawing = layout.place(graph)

    boxes = sorted((box.x, box.y) for box in drawing.boxes.values())
    assert len(boxes) == 30
    for (x, y), (next_x, next_y) in pairwise(boxes):
        assert next_x > x or next_y >= y + layout.HEIGHT
    assert max(x for x, _ in boxes) + layout.WIDTH <= drawing.width
    assert max(y for _, y in boxes) + layout.HEIGHT <= drawing.height


def test_an_edge_that_skips_a_layer_passes_no_node():
    drawing = layout.place({"a": ["b", "c"], "b": ["c"], "c": []})

    (path,) = [path for start, end, path in drawing.edges if (start, end) == ("a", "c")]
    level = int(path.split("H")[0].split()[-1])  # where it goes straight
    box = drawing.boxes["b"]
    assert not box.y <= level <= box.y + box.height


def test_nothing_is_drawn_of_nothing():
    assert layout.place({}) == layout.Layout({}, [], 0, 16)


def test_groups_that_wait_for_one_another_are_drawn_without_the_way_back():
    kept = _acyclic({"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": set()})

    assert kept == {"a": ["b"], "b": ["c"], "c": ["d"], "d": []}
    assert set(layout.place(kept).boxes) == set("abcd")


def test_a_group_is_what_several_ids_begin_with():
    assert groups_of(["a.b.x", "a.b.y", "a.z", "q.alone", "w"]) == {"a", "a.b"}


def tasks(*names):
    return {name: TaskSpec(name) for name in names}


@pytest.mark.parametrize(
    ("opened", "rows"),
    [
        (set(), ["a", "w"]),
        ({"a"}, ["a", "a.b", "a.z", "w"]),
        ({"a", "a.b"}, ["a", "a.b", "a.b.x", "a.b.y", "a.z", "w"]),
        (None, ["a", "a.b", "a.b.x", "a.b.y", "a.z", "w"]),
        ({"a.b"}, ["a", "w"]),
        ({"none"}, ["a", "w"]),
    ],
)
def test_only_open_groups_show_what_is_in_them(opened, rows):
    found = fold_rows(tasks("a.b.x", "a.b.y", "a.z", "w"), opened)

    assert [row.name for row in found] == rows


def test_every_task_is_in_one_row_whatever_is_open():
    names = ["a.b.x", "a.b.y", "a.z", "w"]
    for opened in (set(), {"a"}, None):
        rows = [row for row in fold_rows(tasks(*names), opened) if not row.is_open]
        assert sorted(task for row in rows for task in row.tasks) == names


@pytest.mark.parametrize(
    ("states", "state"),
    [
        (["success", "failed", "running"], "failed"),
        (["success", None], None),
        (["success", "skipped"], "success"),
        (["running", "success"], "running"),
        ([], None),
    ],
)
def test_several_are_shown_by_the_worst(states, state):
    assert worst(states) == state


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (0.04, "0.0s"),
        (59.9, "59.9s"),
        (60, "1m 00s"),
        (3599, "59m 59s"),
        (3600, "1h 00m"),
        (90000, "1d 1h"),
    ],
)
def test_a_duration_is_said_as_people_say_it(seconds, text):
    assert shown.duration(seconds) == text


def test_a_moment_is_utc_with_its_own_zone_for_the_script():
    text = str(shown.moment("2024-01-01T02:00:00+02:00"))

    assert text == (
        '<time datetime="2024-01-01T02:00:00+02:00" title="2024-01-01 00:00:00 UTC">'
        "2024-01-01 00:00:00</time>"
    )
    assert str(shown.moment("<b>")) == "&lt;b&gt;"
    assert datetime(2024, 1, 1, tzinfo=UTC).isoformat() in str(
        shown.moment("2024-01-01T00:00:00+00:00")
    )


def test_every_state_has_a_letter_of_its_own():
    assert len(set(shown.LETTERS.values())) == len(shown.LETTERS)


def kinds(*lines, **options):
    return [(block.kind, len(block.lines)) for block in blocks(lines, **options)]


def test_a_traceback_ends_with_the_first_line_that_is_none_of_it():
    lines = (
        "Traceback (most recent call last):",
        '  File "/d.py", line 1',
        "ValueError: x",
        "[x] go on",
    )

    assert kinds(*lines) == [("error", 3), ("", 1)]


def test_what_the_reader_notes_is_no_line_of_the_task():
    assert kinds("*** The log on h could not be read", "ok") == [("note", 1), ("", 1)]


def test_levels_are_seen_in_lines():
    assert kinds("x INFO - a", "x WARNING - b", "x ERROR - c") == [
        ("", 1),
        ("warning", 1),
        ("error", 1),
    ]
