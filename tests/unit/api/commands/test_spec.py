"""Commands as data."""

from __future__ import annotations

import pytest

from airflow_lite.api.commands.spec import GroupCommand


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ([], ["serve"]),
        (["--port", "1"], ["serve", "--port", "1"]),
        (["users", "list"], ["users", "list"]),
        (["--help"], ["--help"]),
        (["-h"], ["-h"]),
        (["typo"], ["typo"]),
    ],
)
def test_a_group_may_have_a_command_that_is_meant_where_none_is_named(words, meant):
    assert GroupCommand("web", "Serve", (), default="serve").words(words) == meant


def test_a_group_without_a_default_takes_the_words_as_they_are():
    assert GroupCommand("web", "Serve", ()).words(["--port"]) == ["--port"]
