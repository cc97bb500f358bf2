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
