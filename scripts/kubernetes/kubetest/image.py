"""Make container images from files of this machine, without a registry and without docker."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Self

FOLDERS = "usr etc proc sys dev run root home opt var var/lib var/log mnt srv work"
COMMANDS = """
bash cat chmod cp cut date echo env false find grep gzip head hostname id kill ln ls mkdir mv rm
sed sh sha256sum sleep sort tail tar test timeout touch tr true uname wc
"""
FILES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/ld.so.cache",
    "/usr/share/zoneinfo",
    "/usr/lib/locale/C.utf8",
)
LEFT_OUT = frozenset(
    {
        "site-packages",
        "dist-packages",
        "test",
        "tests",
        "idlelib",
        "tkinter",
        "turtledemo",
        "ensurepip",
        "lib2to3",
    }
)
ACCOUNTS = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}
ASK = """
import json, os, sys, sysconfig
library = [sysconfig.get_config_var(key) or "" for key in ("LIBDIR", "INSTSONAME")]
print(json.dumps({
    "executable": os.path.realpath(sys.executable),
    "stdlib": sysconfig.get_path("stdlib"),
    "site": sysconfig.get_path("purelib"),
    "library": os.path.join(*library),
}))
"""


class Image:
    """One image of one layer; leaving the context packs it into `file`, a docker archive."""

    def __init__(self, folder: Path, name: str, file: Path | None = None) -> None:
        self.name = name
        self.file = file or folder / f"image-{os.getpid()}.tar"
        self.entrypoint: list[str] = []
        self.command: list[str] = []
        self.user = self.working_folder = ""
        self.environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
        self._layer = self.file.with_suffix(".layer")
        self._seen: set[str] = set()

    def __enter__(self) -> Self:
        self._tar = tarfile.open(self._layer, "w", format=tarfile.GNU_FORMAT)
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._tar.close()
        try:
            if not kind:
                self._pack()
        finally:
            self._layer.unlink()

    def add(self, source: Path, target: str, *, leave_out: frozenset[str] = frozenset()) -> None:
        """Add a file, link or folder tree; what is there already stays."""

        def keep(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
            if member.name in self._seen and not member.isdir():
                return None
            if Path(member.name).name in leave_out or member.name.endswith(
                (".opt-1.pyc", ".opt-2.pyc")
            ):
                return None
            self._seen.add(member.name)
            member.uid = member.gid = 0
            member.uname = member.gname = ""
            return member

        self._tar.add(source, target or ".", filter=keep)

    def add_moved(self, venv: Path, target: str) -> None:
        """Add a virtual environment as if it had been made at `target`."""
        if str(venv) == target:
            self.add(venv, target[1:])
            return
        for path in [venv / "pyvenv.cfg", *sorted((venv / "bin").iterdir())]:
            name = f"{target[1:]}/{path.relative_to(venv)}"
            if not path.is_symlink() and (data := path.read_bytes())[:2] in {b"#!", b"ho"}:
                text = data.decode().replace(str(venv), target)
                self.text(name, text, path.stat().st_mode & 0o777)
        self.add(venv, target[1:])

    def folder(self, name: str, mode: int = 0o755, owner: int = 0) -> None:
        """Add an empty folder."""
        member = tarfile.TarInfo(name)
        member.type, member.mode = tarfile.DIRTYPE, mode
        member.uid = member.gid = owner
        self._tar.addfile(member)

    def link(self, name: str, target: str) -> None:
        """Add a link."""
        member = tarfile.TarInfo(name)
        member.type, member.linkname = tarfile.SYMTYPE, target
        self._tar.addfile(member)

    def text(self, name: str, text: str, mode: int = 0o644) -> None:
        """Add a file of text."""
        self._seen.add(name)
        member = tarfile.TarInfo(name)
        member.size, member.mode = len(text.encode()), mode
        self._tar.addfile(member, io.BytesIO(text.encode()))

    def skeleton(self) -> None:
        """Add the empty folders and links of a merged-usr system."""
        for name in FOLDERS.split():
            self.folder(name)
        for name in ("tmp", "var/tmp"):
            self.folder(name, 0o1777)
        for name in ("bin", "sbin", "lib", "lib64"):
            self.link(name, f"usr/{name}")
        self.link("var/run", "/run")

    def _pack(self) -> None:
        digest = hashlib.sha256()
        with self._layer.open("rb") as layer:
            while block := layer.read(1 << 20):
                digest.update(block)
        config = json.dumps({
            "architecture": "amd64",
            "os": "linux",
            "config": {
                "Env": [f"{name}={value}" for name, value in self.environment.items()],
                "Entrypoint": self.entrypoint,
                "Cmd": self.command,
                "User": self.user,
                "WorkingDir": self.working_folder,
            },
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest.hexdigest()}"]},
        }).encode()  # fmt: skip
        name = f"{hashlib.sha256(config).hexdigest()}.json"
        manifest = [{"Config": name, "RepoTags": [self.name], "Layers": ["layer.tar"]}]
        with tarfile.open(self.file, "w") as tar:
            for member_name, data in (
                (name, config),
                ("manifest.json", json.dumps(manifest).encode()),
            ):
                member = tarfile.TarInfo(member_name)
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
            tar.add(self._layer, "layer.tar")


def python_image(image: Image, venv: Path) -> None:
    """Add a virtual environment at its own place, with its Python and editable sources."""
    add_python(image, venv, str(venv))
    add_accounts(image, {})


def add_python(image: Image, venv: Path, target: str) -> None:
    """Add a virtual environment, its Python, editable sources, a shell, and their libraries.

    The environment is found at `target` in the image. A folder that is no virtual environment
    (/usr, /usr/local) gives its Python alone.
    """
    image.skeleton()
    site = _add_interpreter(image, venv)
    if (venv / "pyvenv.cfg").exists():
        image.add_moved(venv, target)
        for path in editable(site):
            image.add(path, str(path)[1:])
    image.environment["PATH"] = f"{target}/bin:{image.environment['PATH']}"
    image.environment["LANG"] = "C.UTF-8"


def _add_interpreter(image: Image, venv: Path) -> Path:
    """Add a Python and what it needs; return the folder of the packages beside it."""
    python = venv / "bin" / "python3"
    facts = json.loads(subprocess.run([python, "-c", ASK], check=True, capture_output=True).stdout)
    executable, stdlib, site = (Path(facts[key]) for key in ("executable", "stdlib", "site"))
    programs = [path for path in (executable, Path(facts["library"])) if path.is_file()]
    found = (shutil.which(name, path="/usr/bin") for name in COMMANDS.split())
    programs += [Path(path) for path in found if path]
    extensions = [*stdlib.rglob("lib-dynload/*.so"), *site.rglob("*.so")]
    libraries = needed_by([*programs, *(path for path in extensions if "tkinter" not in path.name)])
    is_venv = (venv / "pyvenv.cfg").exists()
    for path in [*programs, *libraries, python, *map(Path, FILES)]:
        for link in chain_of_links(path) if path.exists() else []:
            if not (is_venv and link.is_relative_to(venv)):
                image.add(link, str(link)[1:])
    left_out = LEFT_OUT.union(path.name for path in stdlib.glob("config-*"))
    image.add(stdlib, str(stdlib)[1:], leave_out=left_out)
    return site


def add_accounts(image: Image, more: dict[str, tuple[int, str]]) -> None:
    """Add the files of accounts: root, nobody, and more by name, each with its number and home."""
    for name, text in ACCOUNTS.items():
        lines = {
            "etc/passwd": [
                f"{who}:x:{uid}:{uid}::{home}:/bin/sh" for who, (uid, home) in more.items()
            ],
            "etc/group": [f"{who}:x:{uid}:" for who, (uid, _) in more.items()],
        }.get(name, [])
        image.text(name, text + "".join(f"{line}\n" for line in lines))


def chain_of_links(path: Path) -> list[Path]:
    """Return a path and what it links to, one after the other, folders resolved."""
    found = []
    while True:
        path = path.parent.resolve() / path.name
        found.append(path)
        if not path.is_symlink():
            return found
        path = path.parent / os.readlink(path)


def needed_by(binaries: list[Path]) -> list[Path]:
    """Return the shared libraries that programs and extension modules load from the system."""
    output = subprocess.run(["ldd", *binaries], capture_output=True, text=True, check=False).stdout
    words = {word for line in output.splitlines() for word in line.split() if word.startswith("/")}
    return [Path(word) for word in sorted(words) if not word.endswith(":") and Path(word).is_file()]


def editable(site: Path) -> list[Path]:
    """Return the folders outside of a virtual environment that its .pth files name."""
    lines = [line for file in site.glob("*.pth") for line in file.read_text().splitlines()]
    return [Path(line) for line in lines if line.startswith("/") and Path(line).is_dir()]
