"""ExternalPythonOperator: a task whose function is called by a Python that is there."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from typing import Any

from airflow_lite.authoring.arguments import checks
from airflow_lite.authoring.arguments.argument import Argument
from airflow_lite.authoring.arguments.checks import rendered
from airflow_lite.authoring.operators.branch import BranchMixIn
from airflow_lite.authoring.operators.other_python.call import OtherPythonOperator
from airflow_lite.errors import AirflowException


class ExternalPythonOperator(OtherPythonOperator):
    """A task that calls `python_callable` by the interpreter at the path `python`."""

    template_fields: Sequence[str] = ("python", *OtherPythonOperator.template_fields)

    python = Argument(rendered(checks.path))

    def __init__(
        self,
        *,
        python: str,
        python_callable: Callable[..., Any],
        expect_pendulum: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(python_callable=python_callable, **kwargs)
        self._keep(ExternalPythonOperator, locals())

    def interpreter(self, context: Any) -> str:
        """Return the path; raise `AirflowException` if there is no program."""
        found = shutil.which(self.python)
        if found is None:
            raise AirflowException(f"There is no Python at {self.python!r} on this machine.")
        return found


class BranchExternalPythonOperator(ExternalPythonOperator, BranchMixIn):
    """A branch whose function is called by the interpreter at the path `python`."""

    def execute(self, context: Any) -> Any:
        """Call the function, and let what it names follow."""
        return self.do_branch(context, super().execute(context))
