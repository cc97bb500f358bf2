"""Tasks that decide which tasks after them are skipped: branch and short circuit."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from airflow_lite.authoring.arguments import checks
from airflow_lite.authoring.arguments.argument import Argument
from airflow_lite.authoring.operator import BaseOperator
from airflow_lite.authoring.operators.python import PythonOperator
from airflow_lite.errors import AirflowException


def _branch_names(branches: Any) -> list[str]:
    if branches is None:
        return []
    if isinstance(branches, str):
        return [branches]
    if isinstance(branches, Iterable):
        names = list(branches)
        if all(isinstance(item, str) for item in names):
            return names
    raise AirflowException(
        "'branch_task_ids' must be either None, a task id, or a list of task ids; "
        f"got {branches!r}."
    )


class BranchMixIn(BaseOperator):
    """What operators share that let some of the tasks after them follow, and skip the others."""

    def do_branch(self, context: Any, branches: str | Iterable[str] | None) -> Any:
        """Let only the named tasks or groups follow; return `branches` as given.

        The decision goes to `context["ti"].skip_decision`: the tasks directly after this one that
        are named, or come after a named one. Raises `AirflowException`.
        """
        self.log.info("Branch into %s", branches)
        task: BaseOperator = context["task"]
        followed = self._with_descendants(task, _branch_names(branches))
        direct = sorted(task.downstream_task_ids & followed)
        skipped = sorted(task.downstream_task_ids - followed)
        self.log.info("Following branch %s, skipping %s", direct, skipped)
        context["ti"].skip_decision = {"followed": direct}
        return branches

    @staticmethod
    def _with_descendants(task: BaseOperator, names: list[str]) -> set[str]:
        dag = task.dag
        groups = dag.task_group_dict
        unknown = sorted({name for name in names if name not in dag.task_dict} - groups.keys())
        if unknown:
            raise AirflowException(
                "'branch_task_ids' must contain only valid task_ids. "
                f"Invalid tasks found: {', '.join(map(repr, unknown))}."
            )
        followed: set[str] = set()
        for name in names:
            starts = groups[name].roots if name in groups else [dag.task_dict[name]]
            for start in starts:
                followed.add(start.task_id)
                followed |= start.get_flat_relative_ids()
        return followed


class BaseBranchOperator(BranchMixIn):
    """A branch: subclass it with `choose_branch(context)`, which names the tasks that follow.

    All others directly after it are skipped. It may name task groups, and None follows nothing.
    """

    def choose_branch(self, context: Any) -> str | Iterable[str] | None:
        """Return what follows. To be written by a subclass."""
        raise NotImplementedError(f"{type(self).__name__} has no choose_branch(). Define it.")

    def execute(self, context: Any) -> Any:
        """Choose, and let that follow."""
        return self.do_branch(context, self.choose_branch(context))


class BranchPythonOperator(PythonOperator, BranchMixIn):
    """A task whose function names the task or tasks, directly after it, that follow.

    All others directly after it are skipped. It may name task groups, and None follows nothing.
    """

    def execute(self, context: Any) -> Any:
        """Call the function and decide by its result."""
        return self.do_branch(context, super().execute(context))


class ShortCircuitOperator(PythonOperator):
    """A task after which all is skipped unless its function returns something true.

    With `ignore_downstream_trigger_rules=False` only what comes directly after it is skipped, and
    the trigger rules of the rest decide. Teardowns are never skipped by it.
    """

    ignore_downstream_trigger_rules = Argument(checks.flag)

    def __init__(self, *, ignore_downstream_trigger_rules: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._keep(ShortCircuitOperator, locals())

    def execute(self, context: Any) -> Any:
        """Call the function, return what it returns, and skip what follows if that is false."""
        condition = super().execute(context)
        self.log.info("Condition result is %s", condition)
        if condition:
            self.log.info("Proceeding with downstream tasks...")
            return condition
        skipped = self._to_skip(context["task"])
        if skipped:
            self.log.info("Skipping downstream tasks: %s", skipped)
            context["ti"].skip_decision = {"skipped": skipped}
        else:
            self.log.info("No downstream tasks; nothing to do.")
        return condition

    def _to_skip(self, task: BaseOperator) -> list[str]:
        ids = task.downstream_task_ids
        if self.ignore_downstream_trigger_rules:
            ids = task.get_flat_relative_ids()
        return sorted(name for name in ids if not task.dag.get_task(name).is_teardown)
