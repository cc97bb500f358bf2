"""What every mutant is: the reference executor with one fault, and the case that must see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, NamedTuple

from airflow_lite_testing.reference_executor import ReferenceExecutor

if TYPE_CHECKING:
    from collections.abc import Iterator


class Mutant(ReferenceExecutor):
    """Correct but for what its docstring says; `caught_by` is the id of the case meant for it."""

    caught_by: ClassVar[str]


#: The modules that hold mutants; those of `imports` are wrong already when they are imported.
MODULES = (
    "cli",
    "commands",
    "contract",
    "ending",
    "engines",
    "events",
    "optional",
    "scheduling",
    "slots",
    "submit",
)
IMPORTS = (
    ("basic.import.light", "imports.heavy:ImportsHeavyLibrary"),
    ("basic.import.quick", "imports.computing:ComputesAtImport"),
    ("basic.import.quick", "imports.slow:TakesItsTime"),
    ("basic.import.silent", "imports.loud:PrintsAtImport"),
    ("basic.import.starts-nothing", "imports.busy:StartsThreadAtImport"),
)


class Wrong(NamedTuple):
    """The module path of a mutant, the id of the case that must catch it, its engine if any."""

    path: str
    case: str
    engine: str | None = None


def mutants() -> Iterator[Wrong]:
    """Yield every mutant."""
    from importlib import import_module

    package = __name__.rpartition(".")[0]
    for name in MODULES:
        module = import_module(f"{package}.{name}")
        for member in vars(module).values():
            is_own = getattr(member, "__module__", "") == module.__name__
            if is_own and hasattr(member, "caught_by"):
                engine = getattr(member, "mutants_engine", None)
                yield Wrong(f"{module.__name__}:{member.__name__}", member.caught_by, engine)
    for case, path in IMPORTS:
        yield Wrong(f"{package}.{path}", case)
