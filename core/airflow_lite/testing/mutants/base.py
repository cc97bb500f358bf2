"""What every mutant is: the reference executor with one fault, and the case that must see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from airflow_lite.testing.reference_executor import ReferenceExecutor

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
    "events",
    "optional",
    "scheduling",
    "slots",
    "submit",
)
IMPORTS = {
    "basic.import.light": "imports.heavy:ImportsHeavyLibrary",
    "basic.import.quick": "imports.slow:TakesItsTime",
    "basic.import.silent": "imports.loud:PrintsAtImport",
    "basic.import.starts-nothing": "imports.busy:StartsThreadAtImport",
}


def mutants() -> Iterator[tuple[str, str]]:
    """Yield the module path of each mutant and the id of the case that must catch it."""
    from importlib import import_module

    package = __name__.rpartition(".")[0]
    for name in MODULES:
        module = import_module(f"{package}.{name}")
        for found in vars(module).values():
            if getattr(found, "__module__", "") == module.__name__ and hasattr(found, "caught_by"):
                yield f"{module.__name__}:{found.__name__}", found.caught_by
    for case, path in IMPORTS.items():
        yield f"{package}.{path}", case
