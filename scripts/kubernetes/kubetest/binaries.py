"""Make the folder of binaries on first use, outside of any checkout."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from kubetest.components import CGROUPS, CONTROLLERS
from kubetest.processes import KubeError, last_line, run

HERE = Path(__file__).resolve().parent.parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kube-test"
LOG = CACHE / "build.log"
#: Commands that are called, and Debian's packages of each.
PACKAGES = {
    "ip": "iproute2",
    "mount": "mount",
    "nsenter": "util-linux",
    "openssl": "openssl",
    "setsid": "util-linux",
    "unshare": "util-linux",
}
COMPILER = "gcc libc6-dev"


class CannotRunError(KubeError):
    """Say in one line why no cluster can run on this machine."""


def place() -> Path:
    """Return the folder of binaries, made or not; another recipe is another folder."""
    recipe = (HERE / "build.sh").read_bytes()
    return CACHE / f"1.20.2-{hashlib.sha256(recipe).hexdigest()[:8]}"


def check(*, install: bool) -> None:
    """Raise what keeps a cluster from running here; install packages where that is asked for."""
    if os.geteuid():
        raise CannotRunError("root is needed: namespaces, mounts and cgroups are made")
    for controller in CONTROLLERS:
        if controller != "systemd" and not (CGROUPS / controller / "cgroup.procs").exists():
            where = CGROUPS / controller
            raise CannotRunError(f"the cgroup v1 controller {controller} is not mounted at {where}")
    if not place().is_dir():
        _check_system()
    missing = missing_packages()
    if missing and not install:
        raise CannotRunError(f"packages are missing: apt-get install {' '.join(missing)}")
    if missing:
        _install(missing)


def _check_system() -> None:
    release = Path("/etc/os-release")
    if not release.exists() or "bookworm" not in release.read_text():
        raise CannotRunError("Kubernetes is built from Debian 12 (bookworm), and this is not it")
    if platform.machine() != "x86_64":
        raise CannotRunError(f"Kubernetes is built for x86_64, and this is {platform.machine()}")


def missing_packages() -> list[str]:
    """Return the names of the Debian packages that this machine lacks."""
    missing = {package for command, package in PACKAGES.items() if not shutil.which(command)}
    has_compiler = shutil.which("gcc") and Path("/usr/include/stdio.h").exists()
    if not has_compiler and not place().is_dir():
        missing.update(COMPILER.split())
    return sorted(missing)


def _install(names: list[str]) -> None:
    print(f"installing {' '.join(names)}", flush=True)
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    run("apt-get", "-qq", "update", env=env)
    run("apt-get", "-qq", "install", "-y", "--no-install-recommends", *names, env=env)


def build() -> Path:
    """Return the folder of binaries, made on first use."""
    made = place()
    if not made.is_dir():
        print(f"building Kubernetes once, in about 5 minutes; log: {LOG}", flush=True)
        try:
            with LOG.open("w") as output:
                words = ["nice", "-n", "10", "bash", str(HERE / "build.sh"), str(made)]
                done = subprocess.run(words, stdout=output, stderr=output, check=False)
        except KeyboardInterrupt:
            shutil.rmtree(made.with_name(f"{made.name}.work"), ignore_errors=True)
            raise
        if done.returncode:
            raise KubeError(f"the build failed: {last_line(LOG)} (log: {LOG})")
    return made


@contextlib.contextmanager
def exclusive() -> Iterator[None]:
    """Let one `kube` at a time build, start or stop things on this machine."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
