"""`airflow-lite __complete SHELL …`: what the scripts of `airflow-lite completion` call at a Tab.

Prints `words` or `file`, then a candidate a line, in the form that the shell takes.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from airflow_lite.cli.completion.complete import complete
from airflow_lite.cli.completion.suggestions import Suggestions
from airflow_lite.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_lite.cli.completion.complete import Completion
    from airflow_lite.config import Config

_QUOTES = "'\""


def answer(argv: Sequence[str]) -> int:
    """Print what the last word may be; return the exit code.

    `argv` is `bash LINE WORD_BREAKS` (the line up to the cursor), or `zsh WORD…`, `fish WORD…`
    (without the program's name, the last word being the one to complete).
    """
    shell, *words = argv or [""]
    cut = 0
    if shell not in _FORMS or len(words) < (2 if shell == "bash" else 1):
        raise UsageError(
            "__complete is called by your shell. See `airflow-lite completion --help`."
        )
    if shell == "bash":
        line, word_breaks, *_ = words
        words, is_quoted = split_line(line)
        cut = 0 if is_quoted else _last_break(words[-1], word_breaks)
        words = words[1:]
    if "--no-plugins" in words[:-1]:
        os.environ["AIRFLOW_LITE_NO_PLUGINS"] = "1"
    completion = complete(words, Suggestions(lambda: _config(words[:-1])))
    sys.stdout.write("\n".join(_lines(completion, shell, cut)) + "\n")
    return 0


def _config(words: Sequence[str]) -> Config:
    from airflow_lite.cli.program import config_of, take_flags

    complete_words = words[:-1] if words and words[-1] == "--executor" else words
    return config_of(take_flags([*complete_words])[0])


def _lines(completion: Completion, shell: str, cut: int) -> list[str]:
    if completion.is_file:
        return ["file"]
    return ["words", *(_FORMS[shell](value[cut:], text) for value, text in completion.candidates)]


def _for_zsh(value: str, text: str) -> str:
    value = value.replace("\\", "\\\\").replace(":", "\\:")
    return f"{value}:{text}" if text else value


#: How each shell takes a word and what it is.
_FORMS: dict[str, Callable[[str, str], str]] = {
    "bash": lambda value, _: value,
    "zsh": _for_zsh,
    "fish": lambda value, text: f"{value}\t{text}",
}


def split_line(line: str) -> tuple[list[str], bool]:
    """Return the words of a command line as bash would split it, and if the last has a quote open.

    The last word is the one under the cursor: empty after a blank.
    """
    words, quote, letters = [""], "", iter(line)
    for letter in letters:
        if letter == "\\" and quote != "'":
            words[-1] += next(letters, "")
        elif letter == quote:
            quote = ""
        elif letter in _QUOTES and not quote:
            quote = letter
        elif letter.isspace() and not quote:
            words += [""] if words[-1] else []
        else:
            words[-1] += letter
    return words, bool(quote)


def _last_break(word: str, word_breaks: str) -> int:
    """Return how much of the word bash leaves as it is: it completes what follows `:` or `=`."""
    return max((word.rfind(letter) + 1 for letter in ":=" if letter in word_breaks), default=0)
