"""What the fork of a parse server does with one DAG file: check its text, load it, serialise it.

What it holds, or why it cannot be imported, is JSON-able data. Whatever the file does ends with
the fork.
"""

from __future__ import annotations

import codecs
import json
import os
import re
import sys
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_lite.errors import AirflowDagException
from airflow_lite.parsing.authoring_hooks import call_hooks
from airflow_lite.parsing.errors import explain
from airflow_lite.parsing.folder import read_source
from airflow_lite.processes.descriptors import left_open, open_descriptors
from airflow_lite.secrets_masker import redact

if TYPE_CHECKING:
    from airflow_lite.authoring.dag import DAG
    from airflow_lite.spec.model import DagSpec

_MOST_WARNINGS = 20


def parse(path: str, options: Options) -> dict[str, Any]:
    """Return `{"dags": [DagSpec.to_json()], "error": …, "warnings": […], "modules": […]}`.

    `modules` are the other files below the folder that were imported, `pickles` the DAGs that
    could be pickled, in base64 by DAG id, where the options ask for pickles.
    """
    pickles: dict[str, str] = {}
    unpickled: list[str] = []
    modules_before, descriptors_before = set(sys.modules), open_descriptors()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        try:
            call_hooks(options.authoring)
            dags, texts = _load(path, options)
            error = None
            if options.max_pickle_bytes:
                pickles, unpickled = _pickle(dags, path, options)
        except BaseException as raised:
            texts, error = [], redact(explain(raised, path, options.memory_mb))
    return {
        "dags": texts,
        "error": error,
        "warnings": redact(
            [*_shared(path, descriptors_before), *unpickled, *_warning_lines(caught, path)]
        ),
        "modules": _modules(modules_before, path, options.folder),
        "pickles": pickles,
    }


def _load(path: str, options: Options) -> tuple[list[DAG], list[str]]:
    """Return the file's DAGs, and each as JSON."""
    from airflow_lite.parsing.load import load_file
    from airflow_lite.parsing.serialize import dag_spec

    _check_source(path)
    dags = load_file(path, dags_folder=options.folder or None)
    if options.executors:
        for dag in dags:
            _check_executors(dag, options.executors)
    return dags, [_text(dag_spec(dag)) for dag in dags]


def _check_executors(dag: DAG, names: Sequence[str]) -> None:
    """Refuse a task that asks for an executor that is not there; keep no more than its name."""
    for task in dag.tasks:
        wanted = task.executor
        if wanted is None:
            continue
        task.executor = wanted.rpartition(".")[2]
        if task.executor not in names:
            raise AirflowDagException(
                f"Task {dag.dag_id}.{task.task_id}: executor is {wanted!r}, which is not there."
                f" Make it {' or '.join(names)}, or leave it out."
            )


def _pickle(dags: list[DAG], path: str, options: Options) -> tuple[dict[str, str], list[str]]:
    """Return the pickles by DAG id, and a line for each DAG that has none."""
    from base64 import b64encode

    from airflow_lite.parsing.pickled import dump

    pickles, lines = {}, []
    for dag in dags:
        try:
            pickle = dump(dag, path, options.folder, options.max_pickle_bytes)
            pickles[dag.dag_id] = b64encode(pickle).decode()
        except AirflowDagException as error:
            lines.append(
                f"{path}: DAG {dag.dag_id!r} is not pickled, so its tasks fail where"
                f" [core] donot_pickle is False: {error}"
            )
    return pickles, lines


def _check_source(path: str) -> None:
    """Raise an error about the file where Python's own message would be obscure."""
    try:
        source = read_source(path)
    except OSError as error:
        if isinstance(error, FileNotFoundError) and os.path.islink(path):
            raise AirflowDagException(
                f"The file is a link to {os.readlink(path)!r}, which does not exist."
            ) from None
        raise AirflowDagException(f"The file cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise AirflowDagException(f"The file is not imported: {error}.") from None
    if source.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise AirflowDagException("The file is UTF-16. Save it as UTF-8.")
    nul = source.find(b"\0")
    if nul >= 0:
        raise AirflowDagException(
            f"The file has a NUL byte in line {source.count(10, 0, nul) + 1}. Is it Python?"
        )
    _check_encoding(source)


def _check_encoding(source: bytes) -> None:
    import io
    import tokenize

    encoding = "utf-8"
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
        source.decode(encoding)
    except UnicodeDecodeError as error:
        line = source.count(10, 0, error.start) + 1
        raise AirflowDagException(
            f"The file is not {encoding.upper()} (byte {error.start}, line {line})."
            " Save it as UTF-8."
        ) from None
    except SyntaxError as error:  # of detect_encoding
        match = re.match(r"unknown encoding: (.*)", str(error))
        if match:
            raise AirflowDagException(
                f"The file says that its coding is {match[1]!r}, which Python does not know."
                " Save it as UTF-8 and remove the coding line."
            ) from None
        raise AirflowDagException("The file is not UTF-8. Save it as UTF-8.") from None


def _text(spec: DagSpec) -> str:
    try:
        text = spec.to_json()
        text.encode()  # a lone surrogate, which no database takes
    except (TypeError, ValueError) as error:
        raise AirflowDagException(
            f"DAG {spec.dag_id!r} cannot be written as JSON: {error}."
            " Use plain values in params and executor_config."
        ) from None
    return text


def _shared(path: str, descriptors_before: dict[int, str]) -> list[str]:
    """Say what no task may inherit by a fork: threads, and what is open."""
    import threading

    count = threading.active_count() - 1
    names = left_open(descriptors_before)
    what = f"starts {count} thread{'s' if count > 1 else ''}" if count > 0 else ""
    if not what and names:
        what = f"leaves files or sockets open ({', '.join(names)})"
    after = "when it is imported: each of its tasks imports it anew, which is slower."
    return [f"{path} {what} {after}"] if what else []


def _warning_lines(records: Iterable[warnings.WarningMessage], path: str) -> list[str]:
    lines = []
    for warning in records:
        if warning.filename != path:
            continue  # it is about a library
        message = " ".join(str(warning.message).split())[:300]
        lines.append(f"{warning.filename}:{warning.lineno}: {warning.category.__name__}: {message}")
    return list(dict.fromkeys(lines))[:_MOST_WARNINGS]


def _modules(before: set[str], path: str, folder: str) -> list[str]:
    if not folder:
        return []
    root = os.path.join(os.path.realpath(folder), "")
    files = set()
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None)
        if isinstance(file, str) and os.path.realpath(file).startswith(root):
            files.add(file)
    files.discard(path)
    return sorted(file for file in files if "\n" not in file)


@dataclass(frozen=True)
class Options:
    """The options of a parse server, the same for every file."""

    timeout_s: float
    memory_mb: int
    folder: str = ""  # of DAG files: on sys.path, its modules watched; empty: the configured
    max_pickle_bytes: int = 0  # of one DAG's pickle; 0: none is made
    executors: Sequence[str] = field(default_factory=list)  # to ask for; none: any
    authoring: Sequence[Sequence[str]] = field(default_factory=list)  # `AuthoringHook`s

    def to_json(self) -> str:
        """Return the options as the server reads them."""
        return json.dumps(self.__dict__)
