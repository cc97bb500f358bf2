"""Distributions made of files alone, found as installed ones are."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from airflow_lite.config import Config

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ENTRY_POINTS = "[airflow_lite.executors.v1]\n{executors}\n[airflow_lite.plugins.v1]\n{plugins}\n"


class Site:
    """A directory of `sys.path` in which a test installs distributions."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def install(
        self,
        name: str,
        *,
        version: str = "1.0",
        executors: str = "",
        plugins: str = "",
        requires: tuple[str, ...] = (),
        modules: dict[str, str] | None = None,
    ) -> Path:
        """Write a distribution's metadata and modules; return its dist-info directory."""
        for module, source in (modules or {}).items():
            (self.directory / f"{module}.py").write_text(source)
        found = self.directory / f"{name.replace('-', '_')}-{version}.dist-info"
        found.mkdir()
        lines = [f"Requires-Dist: {line}" for line in requires]
        metadata = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
        metadata += [f"Summary: What {name} does", *lines]
        (found / "METADATA").write_text("\n".join(metadata) + "\n")
        text = ENTRY_POINTS.format(executors=executors, plugins=plugins)
        (found / "entry_points.txt").write_text(text)
        return found


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    directory = tmp_path / "site"
    directory.mkdir()
    monkeypatch.syspath_prepend(str(directory))
    before = set(sys.modules)
    yield Site(directory)
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and str(directory) in str(
            sys.modules[name].__file__
        ):
            del sys.modules[name]


@pytest.fixture
def configured(tmp_path: Path) -> Callable[..., Config]:
    """Give a function that makes a configuration with this executor."""
    home = tmp_path / "home"
    home.mkdir()

    def make(executor: str = "SequentialExecutor", **environ: str) -> Config:
        return Config(home, environ, overrides={("core", "executor"): executor})

    return make
