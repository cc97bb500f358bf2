"""The import error of a DAG file as its author reads it: one line, then the file's own frames."""

from __future__ import annotations

import importlib
import os
import re
import sys
import traceback
from collections.abc import Iterable
from types import TracebackType

from airflow_lite.errors import AirflowDagException, UserError
from airflow_lite.imports import is_airflows
from airflow_lite.parsing.authoring_hooks import is_of_hook
from airflow_lite.secrets_masker import secrets_masker
from airflow_lite.text import did_you_mean, shortened

_MOST_FRAMES = 10
_LONGEST = 500
_PYTHONS = os.path.dirname(importlib.__file__) + os.sep
_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


def explain(error: BaseException, path: str, memory_mb: int) -> str:
    """Return the text for an `error` that was raised while `path` was imported."""
    frames = own_frames(error.__traceback__)
    line = frames[-1].lineno if frames and frames[-1].filename == path else None
    at = f" (line {line})" if line else ""
    summary = _summary(error, path, at, memory_mb)
    lines = [" ".join(summary.split()), *_frame_lines(frames), *_source_lines(error)]
    first, *rest = map(secrets_masker().text, lines)
    return "\n".join([shortened(first, _LONGEST), *rest])


def _summary(error: BaseException, path: str, at: str, memory_mb: int) -> str:
    if isinstance(error, SyntaxError):
        where = f"line {error.lineno}" if error.filename in {path, None} else error.filename
        return f"{type(error).__name__}: {error.msg} ({where})"
    if isinstance(error, ImportError) and (error.name or "").partition(".")[0] in _ROOTS:
        message = _text(error).partition(" (/")[0]
        return f"{type(error).__name__}: {message}{at}.{_import_advice(error.name or '', message)}"
    if isinstance(error, ImportError) and _text(error) == _NO_PACKAGE:
        return f"ImportError: {_NO_PACKAGE}{at}. {_FROM_FOLDER}"
    if isinstance(error, ModuleNotFoundError) and error.name:
        return (
            f"ModuleNotFoundError: there is no module {error.name!r}{at}."
            " Install it where airflow-lite runs, or mend the import."
        )
    if isinstance(error, SystemExit):
        return f"The file calls sys.exit({error.code!r}){at}. Take the call out."
    if isinstance(error, MemoryError):
        return f"The file takes more than {memory_mb} MB{at}. {RAISE_MEMORY}"
    if isinstance(error, KeyboardInterrupt):
        return f"The file interrupts itself{at}: KeyboardInterrupt. Remove that."
    if isinstance(error, TypeError) and _text(error) == _TWO_LISTS:
        return f"TypeError: {_TWO_LISTS}{at}. {_JOIN_LISTS}"
    if isinstance(error, (AirflowDagException, UserError)):
        return f"{_text(error)}{at}"  # our own sentence, which says what to do
    return f"{type(error).__name__}: {_text(error)}{at}"


def _import_advice(module: str, message: str) -> str:
    """Return what to do about an import from this package, or Airflow's, that failed so."""
    import airflow_lite

    if is_airflows(module) and "airflow" in sys.modules:
        if not module.startswith("airflow.providers."):
            return _NOT_OFFERED
        return _OLDER_PROVIDER if message.startswith("cannot import name") else _MISSING_PROVIDER
    match = re.fullmatch(r"cannot import name '(\w+)' from 'airflow_lite'", message)
    question = did_you_mean(match[1], airflow_lite.__all__) if match else ""
    return f"{question} {_ONE_PLACE}"


_ROOTS = ("airflow", "airflow_lite")
_ONE_PLACE = (
    "Import what DAG files need from airflow_lite itself, as in"
    " `from airflow_lite import DAG, BashOperator`; or install airflow-lite-airflow-names, which"
    " answers to Airflow's names."
)
_NOT_OFFERED = " `airflow-lite airflow-names list` shows which names of Airflow's are offered."
_MISSING_PROVIDER = (
    " It is in one of Airflow's providers: install that with"
    " `airflow-lite airflow-names install-provider NAME`."
)
_OLDER_PROVIDER = (
    " An older version of the provider may have it: `pip list` shows which is installed, and"
    " `airflow-lite airflow-names install-provider 'NAME<VERSION'` installs one below it."
)


_NO_PACKAGE = "attempted relative import with no known parent package"
_FROM_FOLDER = (
    "A DAG file belongs to no package: write the module's whole name below the DAG folder, as in"
    " `from team.common import NAME`."
)
_TWO_LISTS = "unsupported operand type(s) for >>: 'list' and 'list'"
_JOIN_LISTS = "Join two lists by chain(), pair by pair, or by cross_downstream(), all with all."
RAISE_MEMORY = "Move work into tasks, or raise [core] dag_memory_limit_mb."
RAISE_TIMEOUT = "Move work into tasks, or raise [core] dagbag_import_timeout."


def _text(error: BaseException) -> str:
    try:
        return str(error) or "no message"
    except Exception:
        return "its message cannot be shown"


def own_frames(trace: TracebackType | None) -> list[traceback.FrameSummary]:
    """Return the frames of a traceback that are in the author's files, the innermost last."""
    try:
        entries = traceback.extract_tb(trace)
    except Exception:
        return []
    return [frame for frame in entries if is_own(frame.filename)][-_MOST_FRAMES:]


def files_of(error: BaseException) -> list[str]:
    """Return the author's files that an error of an import comes from."""
    files = [frame.filename for frame in own_frames(error.__traceback__)]
    return files + ([error.filename] if isinstance(error, SyntaxError) and error.filename else [])


def is_own(filename: str) -> bool:
    """Return whether a frame's file is of an author: not ours, a plugin's or Python's import."""
    if filename.startswith((_OURS, _PYTHONS, "<frozen ")) or filename == "<string>":
        return False
    return not is_of_hook(filename)


def _frame_lines(frames: Iterable[traceback.FrameSummary]) -> list[str]:
    lines = []
    for frame in frames:
        lines.append(f'  File "{frame.filename}", line {frame.lineno}, in {frame.name}')
        if frame.line:
            lines.append(f"    {frame.line[:_LONGEST]}")
    return lines


def _source_lines(error: BaseException) -> list[str]:
    """Return the line that is not Python, with its file."""
    if not isinstance(error, SyntaxError) or not error.lineno:
        return []
    lines = [f'  File "{error.filename}", line {error.lineno}']
    return lines + ([f"    {error.text.strip()[:_LONGEST]}"] if error.text else [])


def frames_of_dump(output: str) -> list[str]:
    """Return the author's frames of faulthandler's last dump in `output`, the innermost last."""
    _, marker, dump = output.rpartition("(most recent call first):")
    if not marker:
        return []
    frames = [line for line in dump.splitlines() if line.startswith('  File "')]
    own = [frame for frame in frames if is_own(frame.split('"')[1])]
    return own[::-1][-_MOST_FRAMES:]
