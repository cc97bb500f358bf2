"""Generators of a DAG file: those with a seed of the system are seeded anew in a child."""

from __future__ import annotations

import random
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from airflow_lite.worker.zygote.generators import Generators

OF_SYSTEM, OF_AUTHOR = 1 << 127, 42


class BitGenerator:
    """As numpy's: the state that a seed gives, and where that seed came from."""

    def __init__(self, entropy=OF_SYSTEM, state="fresh"):
        self.seed_seq = None if entropy is None else SimpleNamespace(entropy=entropy)
        self.state = state


class RandomState:
    def __init__(self, entropy=OF_SYSTEM):
        self._bit_generator, self.seeded = BitGenerator(entropy), False

    def seed(self):
        self.seeded = True


class Generator:
    def __init__(self, entropy=OF_SYSTEM):
        self.bit_generator = BitGenerator(entropy, "inherited")


@pytest.fixture
def numpy(monkeypatch):
    """Stand in for numpy, as far as generators go."""
    for kind in (RandomState, Generator):
        monkeypatch.setattr(kind, "__module__", "numpy.random.mtrand")
    own = RandomState()
    module = SimpleNamespace(
        RandomState=RandomState,
        Generator=Generator,
        mtrand=SimpleNamespace(_rand=own),
        seed=own.seed,
    )
    monkeypatch.setitem(sys.modules, "numpy", SimpleNamespace(random=module))
    return module


def module_of(**names):
    module = ModuleType("dag_file")
    vars(module).update(names)
    return module


def draws_twice(make, draw):
    """Return what a generator draws in two children of one import."""
    generators = Generators()
    with generators.watch():
        module = module_of(own=make())
    generators.find([module])
    state = module.own.getstate()
    drawn = []
    for _ in range(2):
        module.own.setstate(state)
        generators.reseed()
        drawn.append(draw(module.own))
    return drawn


class Own(random.Random):
    """A subclass, as authors write them."""


def seeded_later():
    generator = random.Random()
    generator.seed("a word")
    return generator


def unseeded_later():
    generator = random.Random(7)
    generator.seed()
    return generator


@pytest.mark.parametrize("make", [random.Random, Own, unseeded_later])
def test_a_generator_without_a_seed_draws_other_numbers_in_each_child(make):
    first, second = draws_twice(make, random.Random.random)

    assert first != second


@pytest.mark.parametrize("make", [lambda: random.Random(7), lambda: Own(7), seeded_later])
def test_a_generator_with_a_seed_draws_the_same_in_each_child(make):
    first, second = draws_twice(make, random.Random.random)

    assert first == second


def test_seeding_is_as_before_when_nobody_watches():
    seed = random.Random.seed
    with Generators().watch():
        assert random.Random.seed is not seed

    assert random.Random.seed is seed


@pytest.mark.parametrize(
    ("entropy", "anew"), [(OF_SYSTEM, True), (OF_AUTHOR, False), (None, False)]
)
def test_generators_of_numpy_are_seeded_anew_unless_the_file_seeds_them(numpy, entropy, anew):
    old, new = RandomState(entropy), Generator(entropy)
    numpy.mtrand._rand = RandomState(entropy)
    calls: list[Any] = []
    numpy.seed = lambda: calls.append("seed")
    generators = Generators()
    generators.find([module_of(old=old, new=new, number=7, kind=Generator)])
    generators.reseed()

    assert old.seeded is anew
    assert new.bit_generator.state == ("fresh" if anew else "inherited")
    assert calls == (["seed"] if anew else [])
