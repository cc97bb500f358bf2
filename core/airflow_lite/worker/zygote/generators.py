"""Random generators of a DAG file: what each task, imported anew, would have for itself.

A generator that the file seeds gives every task the same numbers, and is left alone; one that is
seeded by the system must not do so in tasks that are forked from one import.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from types import ModuleType
from typing import Any
from weakref import WeakSet

#: numpy draws 128 bits for a seed of its own; an author writes a shorter one.
_LONGEST_OF_AUTHORS = 64


class Generators:
    """The generators of a DAG file that are seeded anew in every child."""

    def __init__(self) -> None:
        self._seeded: WeakSet[random.Random] = WeakSet()
        self._reseed: list[Callable[[], object]] = []

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Note which generators of `random` are given a seed meanwhile."""
        seed = random.Random.seed

        def noted(generator: random.Random, a: Any = None, *more: Any, **named: Any) -> None:
            seed(generator, a, *more, **named)
            (self._seeded.discard if a is None else self._seeded.add)(generator)

        random.Random.seed = noted  # type: ignore[assignment,method-assign]
        try:
            yield
        finally:
            random.Random.seed = seed  # type: ignore[method-assign]

    def find(self, modules: Iterable[ModuleType]) -> None:
        """Look for generators among the names of these modules."""
        values = {id(value): value for module in modules for value in vars(module).values()}
        self._reseed = [how for value in values.values() if (how := self._way(value)) is not None]

    def reseed(self) -> None:
        """Seed them, and the global ones of numpy and torch; that of `random` does so itself."""
        for act in (*self._reseed, _reseed_numpy, _reseed_torch):
            with suppress(Exception):
                act()

    def _way(self, value: object) -> Callable[[], object] | None:
        """Return how to seed `value` anew; None if it is no generator, or has the author's seed."""
        if isinstance(value, random.Random):
            return None if value in self._seeded else value.seed
        if "numpy" not in sys.modules or not type(value).__module__.startswith("numpy.random"):
            return None
        return _way_of_numpy(value, sys.modules["numpy"].random)


def _way_of_numpy(value: Any, numpy_random: Any) -> Callable[[], object] | None:
    if isinstance(value, numpy_random.RandomState):
        return None if _is_seeded(_bits(value)) else value.seed
    if isinstance(value, numpy_random.Generator):
        return None if _is_seeded(value.bit_generator) else partial(_renew, value.bit_generator)
    return None


def _bits(state: Any) -> Any:
    return state._bit_generator  # noqa: SLF001 - there is no other way to its seed


def _is_seeded(bit_generator: Any) -> bool:
    """Whether its seed is the author's: short, or of numpy's older way, which keeps none."""
    seeds = getattr(bit_generator, "seed_seq", None) or getattr(bit_generator, "_seed_seq", None)
    entropy = getattr(seeds, "entropy", None)
    return not isinstance(entropy, int) or entropy.bit_length() <= _LONGEST_OF_AUTHORS


def _renew(bit_generator: Any) -> None:
    bit_generator.state = type(bit_generator)().state


def _reseed_numpy() -> None:
    if "numpy" in sys.modules:
        numpy_random = sys.modules["numpy"].random
        if not _is_seeded(_bits(numpy_random.mtrand._rand)):  # noqa: SLF001 - the global one
            numpy_random.seed()


def _reseed_torch() -> None:
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(int.from_bytes(os.urandom(7), "big"))
