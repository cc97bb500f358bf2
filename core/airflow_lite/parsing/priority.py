"""Effective priorities: a task's weight plus those of the relatives that its rule adds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from airflow_lite.authoring.operator import BaseOperator
from airflow_lite.states import WeightRule

#: The column is a 32-bit integer on every database.
_LEAST, _MOST = -(2**31), 2**31 - 1


def effective_weights(order: Sequence[BaseOperator]) -> dict[str, int]:
    """Return each task's effective weight by id; `order` is topological.

    All relatives count, however far, each once. Their sets are bits of one integer, and weights
    are summed by the bits of the weights, so that 10,000 tasks take a fraction of a second.
    """
    weights = {task.task_id: int(task.priority_weight) for task in order}
    rules = {task.weight_rule for task in order}
    if WeightRule.DOWNSTREAM in rules:
        _add_relatives(weights, order[::-1], WeightRule.DOWNSTREAM)
    if WeightRule.UPSTREAM in rules:
        _add_relatives(weights, order, WeightRule.UPSTREAM)
    return {name: max(_LEAST, min(_MOST, weight)) for name, weight in weights.items()}


def _add_relatives(
    weights: dict[str, int], order: Sequence[BaseOperator], rule: WeightRule
) -> None:
    """Add to a task's weight those of all its relatives that come before it in `order`."""
    planes = _planes(order)
    related: dict[str, int] = {}  # with the task itself
    for index, task in enumerate(order):
        before = 0
        for name in task.get_direct_relative_ids(upstream=rule is WeightRule.UPSTREAM):
            before |= related[name]
        related[task.task_id] = before | 1 << index
        if before and task.weight_rule == rule:
            weights[task.task_id] += sum(
                factor * (before & plane).bit_count() for factor, plane in planes.items()
            )


def _planes(order: Sequence[BaseOperator]) -> dict[int, int]:
    """Return sets of tasks by factor, one for each bit of a weight, whose sum is the weights."""
    planes: dict[int, int] = defaultdict(int)
    for index, task in enumerate(order):
        weight = int(task.priority_weight)
        for bit in range(weight.bit_length()):
            if abs(weight) >> bit & 1:
                planes[(-1 if weight < 0 else 1) << bit] |= 1 << index
    return planes
