"""Basic: what importing the executor costs everyone, since the command line does it often."""

from __future__ import annotations

import tempfile

from airflow_lite_testing.case import case
from airflow_lite_testing.cases.base import Cases
from airflow_lite_testing.needs import module_of_its_own
from airflow_lite_testing.probe import Import, probe_import

#: What an import may take, in seconds.
MOST_S = 0.1
#: The quickest of so many imports counts: the machine may be busy with something else.
RUNS = 12
#: Libraries that belong into the function that needs them.
HEAVY = frozenset(
    (
        "aiohttp", "alembic", "boto3", "botocore", "celery", "cloudpickle", "cronsim", "dask",
        "distributed", "django", "docker", "fastapi", "flask", "google", "grpc", "jinja2",
        "kombu", "kubernetes", "kubernetes_asyncio", "matplotlib", "numpy", "pandas",
        "paramiko", "polars", "psycopg", "pyarrow", "pydantic", "pytest", "ray", "redis",
        "requests", "rich", "scipy", "sentry_sdk", "sqlalchemy", "starlette", "torch",
        "urllib3", "uvicorn", "werkzeug", "yaml",
    )
)  # fmt: skip


class ImportCases(Cases):
    """The executor's module, imported in a process of its own."""

    def _import(self) -> Import:
        assert self.subject.path is not None
        return probe_import(self.subject.path)

    @case("basic.import.quick", module_of_its_own)
    def test_import_is_quick(self) -> None:
        """Importing it takes at most 100 ms more than `import airflow_lite`.

        Waiting for a CPU does not count.
        """
        assert self.subject.path is not None
        seconds = _quickest_s(self.subject.path)
        assert seconds <= MOST_S, (
            f"importing {self.subject.path} takes {seconds * 1000:.0f} ms, "
            f"more than {MOST_S * 1000:.0f}: import what is heavy in the function that needs it"
        )

    @case("basic.import.light", module_of_its_own)
    def test_import_is_light(self) -> None:
        """Importing it imports no heavy library."""
        heavy = {name.partition(".")[0] for name in self._import().modules} & HEAVY
        assert not heavy, (
            f"importing {self.subject.path} imports {', '.join(sorted(heavy))}: "
            "import them in the functions that need them"
        )

    @case("basic.import.starts-nothing", module_of_its_own)
    def test_import_starts_nothing(self) -> None:
        """Importing it starts no thread and no process."""
        result = self._import()
        assert not result.threads, f"importing {self.subject.path} starts threads: {result.threads}"
        assert not result.children, f"importing {self.subject.path} starts a process"

    @case("basic.import.silent", module_of_its_own)
    def test_import_is_silent(self) -> None:
        """Importing it prints nothing."""
        output = self._import().output
        assert not output, f"importing {self.subject.path} prints {output[:200]!r}"


def _quickest_s(path: str) -> float:
    """Return the seconds that the quickest of some imports took, or the first that is in time.

    One before them, which does not count, compiles what is imported, as an installation does.
    """
    with tempfile.TemporaryDirectory(prefix="airflow-lite-bytecode-") as folder:
        probe_import(path, bytecode=folder)
        quickest_s = probe_import(path, bytecode=folder).seconds
        for _ in range(RUNS - 1):
            if quickest_s <= MOST_S:
                break
            quickest_s = min(quickest_s, probe_import(path, bytecode=folder).seconds)
        return quickest_s
