"""PythonVirtualenvOperator: a task whose function has packages of its own."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from airflow_lite.authoring.arguments import checks
from airflow_lite.authoring.arguments.argument import Argument
from airflow_lite.authoring.arguments.checks import optional, rendered, templated
from airflow_lite.authoring.operators.branch import BranchMixIn
from airflow_lite.authoring.operators.other_python.call import OtherPythonOperator
from airflow_lite.errors import AirflowException

#: Written into an environment at last: one without it was left half made, and is made again.
_COMPLETE = "complete"


def _lines(value: object) -> Any:
    return value if isinstance(value, str) else list(checks.names(value))


class PythonVirtualenvOperator(OtherPythonOperator):
    """A task that calls `python_callable` in a virtual environment with `requirements` installed.

    The environment is made for each try and removed, unless `venv_cache_path` names a folder that
    keeps it for all tasks with the same requirements. `requirements` may be a list, the text of a
    requirements file, or the name of a template file that ends in `.txt`. `python_version`, such as
    "3.12", asks for another interpreter on PATH.
    """

    template_fields: Sequence[str] = (
        "requirements",
        "index_urls",
        "venv_cache_path",
        *OtherPythonOperator.template_fields,
    )
    template_ext: Sequence[str] = (".txt",)

    requirements = Argument(optional(templated(_lines)))
    python_version = Argument(optional(checks.text))
    system_site_packages = Argument(checks.flag)
    pip_install_options = Argument(optional(checks.names))
    index_urls = Argument(optional(templated(_lines)))
    venv_cache_path = Argument(optional(rendered(checks.path)))

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        requirements: Iterable[str] | str | None = None,
        python_version: str | None = None,
        system_site_packages: bool = True,
        pip_install_options: list[str] | None = None,
        index_urls: Collection[str] | str | None = None,
        venv_cache_path: str | os.PathLike[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(python_callable=python_callable, **kwargs)
        self._keep(PythonVirtualenvOperator, locals())

    def execute(self, context: Any) -> Any:
        """Make the environment, or find it, and call the function there."""
        with self._environment() as folder:
            self._folder = folder
            return super().execute(context)

    def interpreter(self, context: Any) -> str:
        """Return that of the environment."""
        return str(self._folder / "bin" / "python")

    @contextmanager
    def _environment(self) -> Iterator[Path]:
        if self.venv_cache_path is None:
            with tempfile.TemporaryDirectory(prefix="airflow-lite-venv-") as folder:
                self._make(Path(folder))
                yield Path(folder)
        else:
            yield self._kept()

    def _kept(self) -> Path:
        """Return the environment of the cache, made now if it is not there or not complete."""
        cache = Path(str(self.venv_cache_path))
        cache.mkdir(parents=True, exist_ok=True)
        folder = cache / f"venv-{self._fingerprint()}"
        with (cache / f"{folder.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # others that want the same wait until it is made
            if not (folder / _COMPLETE).exists():
                shutil.rmtree(folder, ignore_errors=True)
                self._make(folder)
                (folder / _COMPLETE).touch()
        return folder

    def _fingerprint(self) -> str:
        parts = [
            self._python(),
            sys.version,
            sorted(self._requirements()),
            self.system_site_packages,
            list(self.pip_install_options or ()),
            self._index_urls(),
        ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]

    def _make(self, folder: Path) -> None:
        packages = ["--system-site-packages"] if self.system_site_packages else []
        self._must([self._python(), "-m", "venv", *packages, str(folder)])
        self._write_index_urls(folder)
        if requirements := self._requirements():
            file = folder / "requirements.txt"
            file.write_text("\n".join(requirements))
            pip = [str(folder / "bin" / "python"), "-m", "pip", "install"]
            self._must([*pip, *(self.pip_install_options or ()), "-r", str(file)])

    def _write_index_urls(self, folder: Path) -> None:
        """Keep addresses, which may hold passwords, in a file for this user alone."""
        urls = self._index_urls()
        if urls is None:
            return
        lines = ["[global]", f"index-url = {urls[0]}" if urls else "no-index = true"]
        if urls[1:]:
            lines += ["extra-index-url =", *(f"  {url}" for url in urls[1:])]
        file = folder / "pip.conf"
        file.touch(mode=0o600)
        file.write_text("\n".join(lines) + "\n")

    def _index_urls(self) -> list[str] | None:
        urls = self.index_urls
        return None if urls is None else [urls] if isinstance(urls, str) else list(urls)

    def _requirements(self) -> list[str]:
        given = self.requirements or ()
        return given.splitlines() if isinstance(given, str) else list(given)

    def _python(self) -> str:
        """Return the interpreter that makes the environment."""
        version = self.python_version
        if version is None or tuple(version.split(".")) == (*map(str, sys.version_info[:2]),):
            return sys.executable
        found = shutil.which(f"python{version}")
        if found is None:
            raise AirflowException(
                f"There is no python{version} on this machine's PATH. Install it, or take another"
                " python_version."
            )
        return found

    def _must(self, command: list[str]) -> None:
        self.log.info("Running command: %s", " ".join(command))
        code, last_line = self.run_program(command, None, dict(os.environ), "utf-8")
        if code:
            raise AirflowException(
                f"The environment cannot be made: {command[2]} ended with {code}: {last_line}"
            )


class BranchPythonVirtualenvOperator(PythonVirtualenvOperator, BranchMixIn):
    """A branch whose function is called in a virtual environment."""

    def execute(self, context: Any) -> Any:
        """Call the function, and let what it names follow."""
        return self.do_branch(context, super().execute(context))
