"""OtherPythonOperator: what the operators share that call their function in another Python."""

from __future__ import annotations

import importlib
import inspect
import os
import tempfile
from collections.abc import Callable, Collection, Container, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import FunctionType
from typing import Any

from airflow_lite.authoring.arguments import checks
from airflow_lite.authoring.arguments.argument import Argument
from airflow_lite.authoring.arguments.checks import optional
from airflow_lite.authoring.operators.other_python.program import (
    PROTOCOL,
    SERIALIZERS,
    program_of,
)
from airflow_lite.authoring.operators.programs import RunsPrograms, ids_of_run
from airflow_lite.authoring.operators.python import PythonOperator
from airflow_lite.errors import AirflowException, AirflowSkipException

_PLAIN = (str, int, float, bool, type(None))
_NOTHING = object()


def _plain_function(value: object) -> Callable[..., Any]:
    if not isinstance(value, FunctionType) or value.__name__ == "<lambda>":
        raise checks.WrongType("a function that is defined by def")
    if inspect.isgeneratorfunction(value):
        raise checks.WrongType("a function without yield")
    return value


def _serializer(value: object) -> str:
    if value not in SERIALIZERS:
        raise checks.WrongType(f"one of {', '.join(SERIALIZERS)}")
    return str(value)


class OtherPythonOperator(PythonOperator, RunsPrograms):
    """A task that calls `python_callable` in an interpreter that `interpreter` names.

    The function is sent as text, so that all that it uses it imports itself. Arguments and result
    go by `serializer`. Of the context it may ask for what is text, a number or a moment, and for
    `params`. `string_args` are in its global `virtualenv_string_args`.
    """

    python_callable = Argument(_plain_function)
    serializer = Argument(_serializer)
    string_args = Argument(optional(checks.names))
    skip_on_exit_code = Argument(checks.exit_codes)
    env_vars = Argument(optional(checks.mapping))
    inherit_env = Argument(checks.flag)

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        serializer: str | None = None,
        op_args: Collection[Any] | Callable[..., Any] | None = None,
        op_kwargs: Mapping[str, Any] | Callable[..., Any] | None = None,
        string_args: Iterable[str] | None = None,
        templates_dict: dict[str, Any] | None = None,
        templates_exts: Sequence[str] | None = None,
        expect_airflow: bool = True,
        skip_on_exit_code: int | Container[int] | None = None,
        env_vars: dict[str, str] | None = None,
        inherit_env: bool = True,
        use_dill: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            python_callable=python_callable,
            op_args=op_args,
            op_kwargs=op_kwargs,
            templates_dict=templates_dict,
            templates_exts=templates_exts,
            **kwargs,
        )
        serializer = serializer or ("dill" if use_dill else "pickle")
        self._keep(OtherPythonOperator, locals())

    def interpreter(self, context: Any) -> str:
        """Return the path of the interpreter. To be written by a subclass."""
        raise NotImplementedError(f"{type(self).__name__} has no interpreter(). Define it.")

    def execute(self, context: Any) -> Any:
        """Call the function there; return what it returns."""
        self.op_kwargs = self._sendable(self._call_arguments(context))
        value = self._call(self.interpreter(context), context)
        if self.show_return_value_in_logs:
            self.log.info("Done. Returned value was: %s", value)
        return value

    def _sendable(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return what can be sent: the author's own, and the plain part of the context."""
        own = {*self.op_kwargs, "templates_dict"}
        sent = {name: value for name, value in arguments.items() if name in own}
        asked = inspect.signature(self.python_callable).parameters
        for name in arguments.keys() - own:
            value = _plain(arguments[name])
            if value is not _NOTHING:
                sent[name] = value
            elif name in asked:
                raise AirflowException(
                    f"{name!r} cannot be handed to another interpreter. Take what you need of it as"
                    " an argument, such as from a template."
                )
        if sent.get("templates_dict", _NOTHING) is None:
            del sent["templates_dict"]
        return sent

    def _call(self, interpreter: str, context: Any) -> Any:
        library = self._library()
        with tempfile.TemporaryDirectory(prefix="airflow-lite-") as folder:
            names = ("call.py", "arguments", "result", "strings")
            program, arguments, result, strings = (Path(folder, name) for name in names)
            program.write_text(program_of(self.python_callable, self.serializer))
            sent = {"args": tuple(self.op_args), "kwargs": self.op_kwargs}
            arguments.write_bytes(library.dumps(sent, protocol=PROTOCOL))
            strings.write_text("\n".join(self.string_args or ()))
            command = [interpreter, *map(str, (program, arguments, result, strings))]
            self._run(command, context)
            return library.loads(result.read_bytes())

    def _run(self, command: list[str], context: Any) -> None:
        env = dict(os.environ) if self.inherit_env else {}
        own = {name: str(value) for name, value in (self.env_vars or {}).items()}
        try:
            code, last_line = self.run_program(
                command, None, env | ids_of_run(context) | own, "utf-8"
            )
        except OSError as error:
            raise AirflowException(f"{command[0]} cannot be started: {error.strerror}.") from None
        if code in self.skip_on_exit_code:
            raise AirflowSkipException(f"Process exited with code {code}. Skipping.")
        if code:
            raise AirflowException(
                f"{self.python_callable.__name__!r} failed in {command[0]}, exit code {code}:"
                f" {last_line}"
            )

    def _library(self) -> Any:
        try:
            return importlib.import_module(self.serializer)
        except ModuleNotFoundError:
            raise AirflowException(
                f"The serializer {self.serializer} is not installed. Run `pip install"
                f" {self.serializer}`, here and for the other interpreter."
            ) from None


def _plain(value: Any) -> Any:
    """Return a value of the context that every interpreter can read; `_NOTHING` for all others."""
    if isinstance(value, datetime):  # one of pendulum's is nothing to who has no pendulum
        return datetime.fromisoformat(value.isoformat())
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, Mapping):
        items = {str(name): _plain(item) for name, item in value.items()}
        return _NOTHING if _NOTHING in items.values() else items
    if isinstance(value, list | tuple):
        found = [_plain(item) for item in value]
        return _NOTHING if any(item is _NOTHING for item in found) else found
    return _NOTHING
