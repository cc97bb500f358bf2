"""Puts man pages into the wheel: rendered from the command specs, or as the sdist brought them.

The same file in the core and in every plugin. A plugin names its commands in pyproject.toml:

    [tool.hatch.build.hooks.custom]
    groups = "airflow_lite_dask_executor.cli_spec:GROUP"

one GroupCommand or several. The core names none. Needs argparse-manpage, as [build-system] says.
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

if TYPE_CHECKING:
    from collections.abc import Iterator


class ManPages(BuildHookInterface):  # type: ignore[type-arg]
    """Registers `share/man/man1/*.1` with the wheel, and `man/*.1` with the sdist."""

    _folder: tempfile.TemporaryDirectory[str] | None = None

    def dependencies(self) -> list[str]:
        """Return what rendering takes: airflow-lite, unless its source stands beside us."""
        if self._ready_pages() or self._core() is not None:
            return []
        return [name for name in self.metadata.core.dependencies if name.startswith("airflow-lite")]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Register the pages, in editable installs too."""
        for page in self._ready_pages() or self._rendered():
            if self.target_name == "sdist":
                build_data["force_include"][str(page)] = f"man/{page.name}"
            else:
                build_data["shared_data"][str(page)] = f"share/man/man1/{page.name}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove the pages that were rendered: they are in the archive now."""
        if self._folder is not None:
            self._folder.cleanup()

    def _ready_pages(self) -> list[Path]:
        return sorted(Path(self.root, "man").glob("*.1"))

    def _core(self) -> Path | None:
        """Return the folder that holds the core's package: below us, or beside a plugin."""
        root = Path(self.root)
        folders = (root / "core", root.parent.parent / "core")
        return next((path for path in folders if (path / "airflow_lite/cli").is_dir()), None)

    def _rendered(self) -> list[Path]:
        self._folder = tempfile.TemporaryDirectory(prefix="airflow-lite-man-")
        folder = Path(self._folder.name)
        with importable(self._core(), Path(self.root, "src")):
            man = import_module("airflow_lite.cli.man")
            named = self.config.get("groups")
            if named is None:
                return list(man.write_core_pages(folder, self.metadata.version))
            module, _, name = named.partition(":")
            groups = getattr(import_module(module), name or "GROUPS")
            listed = [groups] if hasattr(groups, "subcommands") else groups
            return list(man.write_pages(listed, folder, self.metadata.version))


@contextmanager
def importable(*folders: Path | None) -> Iterator[None]:
    """Have modules imported from these folders first."""
    added = [str(folder) for folder in folders if folder is not None]
    sys.path[:0] = added
    try:
        yield
    finally:
        del sys.path[: len(added)]
