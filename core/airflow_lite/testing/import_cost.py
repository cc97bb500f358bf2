"""How dear an import is, measured so that neither a busy nor a slow machine changes the verdict."""

from __future__ import annotations

import tempfile
from typing import NamedTuple

from airflow_lite.testing.probe import probe_import, probe_modules

#: What an import may take, in seconds, where importing `REFERENCE` takes `REFERENCE_S` or less.
MOST_S = 0.1
#: Part of the standard library, almost all of it Python: how quick the machine is at importing.
REFERENCE = (
    "argparse", "asyncio", "email.message", "http.client", "logging.config", "unittest.mock",
    "xml.dom.minidom",
)  # fmt: skip
REFERENCE_S = 0.06
#: The limit grows with the machine's slowness, but not beyond this many times `MOST_S`.
MOST_SLOWNESS = 8.0
#: The quickest of so many imports counts, and of as many of the reference.
RUNS = 6


class Cost(NamedTuple):
    """What importing something takes, and `REFERENCE` beside it: seconds, the quickest of some."""

    seconds: float
    reference_s: float

    @property
    def most_s(self) -> float:
        """What the import may take on this machine."""
        slowness = max(1.0, self.reference_s / REFERENCE_S)
        return MOST_S * min(slowness, MOST_SLOWNESS)

    @property
    def is_quick(self) -> bool:
        """Whether it takes no more than that."""
        return self.seconds <= self.most_s


def import_cost(path: str) -> Cost:
    """Measure the import of `module:Class`, until it was quick once or `RUNS` are over.

    A first import, which does not count, compiles what is imported, as an installation does.
    """
    with tempfile.TemporaryDirectory(prefix="airflow-lite-bytecode-") as folder:
        _measured(path, folder)
        cost = _measured(path, folder)
        for _ in range(RUNS - 1):
            if cost.is_quick:
                break
            cost = Cost(*map(min, cost, _measured(path, folder)))
        return cost


def _measured(path: str, folder: str) -> Cost:
    reference_s = probe_modules(REFERENCE, bytecode=folder)
    return Cost(probe_import(path, bytecode=folder).seconds, reference_s)
