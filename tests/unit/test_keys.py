"""The id of a pickled DAG in a run command passes its own allow-list."""

from __future__ import annotations

import pytest

from airflow_lite.errors import InvalidIdError
from airflow_lite.keys import RunCommand, TaskInstanceKey

COMMAND = RunCommand(TaskInstanceKey("d", "t", "r", 1, -1, "0" * 32), pickle_id=12)


def test_a_pickle_id_is_read_back_as_it_was_written():
    assert COMMAND.words()[-2:] == ["--pickle", "12"]
    assert RunCommand.parse(COMMAND.words()) == COMMAND


@pytest.mark.parametrize("given", ["", "0", "-1", "1.5", "1e3", " 1", "١", "x", "1" * 19, "1\n"])
def test_what_is_no_pickle_id_is_refused(given):
    words = [*COMMAND.words()[:-1], given]
    with pytest.raises(InvalidIdError, match=r"^pickle id .* is not a whole number above 0\.$"):
        RunCommand.parse(words)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (TaskInstanceKey("d", "t", "r", 2, attempt="a" * 32), "d.t try 2 of run r"),
        (TaskInstanceKey("d", "t", "r", map_index=3), "d.t[3] try 1 of run r"),
    ],
)
def test_a_key_in_a_line_of_the_log_can_be_read(key, text):
    assert f"{key}" == str(key) == text
