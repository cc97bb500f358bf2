"""Basic: what importing the executor costs everyone, since the command line does it often."""

from __future__ import annotations

from airflow_lite.testing.case import case
from airflow_lite.testing.cases.base import Cases
from airflow_lite.testing.import_cost import import_cost
from airflow_lite.testing.needs import module_of_its_own
from airflow_lite.testing.probe import Import, probe_import

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

        Waiting for a CPU does not count. Where a fixed part of the standard library takes more
        than 60 ms to import, the limit grows in proportion, up to 800 ms.
        """
        assert self.subject.path is not None
        cost = import_cost(self.subject.path)
        assert cost.is_quick, (
            f"importing {self.subject.path} takes {cost.seconds * 1000:.0f} ms, "
            f"more than {cost.most_s * 1000:.0f}: "
            "import what is heavy in the function that needs it"
        )

    @case("basic.import.light", module_of_its_own)
    def test_import_is_light(self) -> None:
        """Importing it imports no heavy library."""
        found = {name.partition(".")[0] for name in self._import().modules} & HEAVY
        assert not found, (
            f"importing {self.subject.path} imports {', '.join(sorted(found))}: "
            "import them in the functions that need them"
        )

    @case("basic.import.starts-nothing", module_of_its_own)
    def test_import_starts_nothing(self) -> None:
        """Importing it starts no thread and no process."""
        found = self._import()
        assert not found.threads, f"importing {self.subject.path} starts threads: {found.threads}"
        assert not found.children, f"importing {self.subject.path} starts a process"

    @case("basic.import.silent", module_of_its_own)
    def test_import_is_silent(self) -> None:
        """Importing it prints nothing."""
        output = self._import().output
        assert not output, f"importing {self.subject.path} prints {output[:200]!r}"
