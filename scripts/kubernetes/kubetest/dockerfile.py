"""Read a Dockerfile of the form of deploy/docker/Dockerfile, and do without Docker what it says.

The base image is this machine's Python and a few of its commands; all else is what the file says.
Whatever it has that is not understood here is an error, never left out.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from kubetest.image import Image, add_accounts, add_python
from kubetest.processes import KubeError

_USERADD = re.compile(
    r"useradd --uid (?P<uid>\d+) --home-dir (?P<home>/\S+) --create-home --skel /dev/null"
    r" (?P<name>\w+)"
)


class Recipe(NamedTuple):
    """What a Dockerfile of two stages says: one makes a virtual environment, the other takes it."""

    copies: list[tuple[list[str], str]]
    commands: list[str]
    venv: str
    account: str
    uid: int
    home: str
    environment: dict[str, str]
    folder: str
    entrypoint: list[str]
    command: list[str]


def instructions(text: str) -> list[tuple[str, str]]:
    """Return a Dockerfile's instructions: the word, and what follows it."""
    lines = [line.strip() for line in text.splitlines()]
    split = [line.partition(" ") for line in lines if line and not line.startswith("#")]
    return [(word, rest.strip()) for word, _, rest in split]


def read(text: str) -> Recipe:
    """Return what a Dockerfile says; raise `KubeError` for what is not understood."""
    stages: list[list[tuple[str, str]]] = []
    for word, rest in instructions(text):
        if word == "FROM":
            stages.append([])
        stages[-1].append((word, rest))
    build, final = stages
    copies, commands = _build_stage(build[1:])
    said = _final_stage(final[1:])
    return Recipe(copies=copies, commands=commands, **said)


def _build_stage(stage: list[tuple[str, str]]) -> tuple[list[tuple[list[str], str]], list[str]]:
    copies, commands = [], []
    for word, rest in stage:
        if word == "COPY":
            *sources, target = rest.split()
            copies.append((sources, target))
        elif word == "RUN":
            commands.append(rest)
        else:
            raise KubeError(f"this instruction is not understood: {word} {rest}")
    return copies, commands


def _final_stage(stage: list[tuple[str, str]]) -> dict[str, Any]:
    said: dict[str, Any] = {"environment": {}}
    for word, rest in stage:
        match word:
            case "COPY" if rest.startswith("--from=build ") and len({*rest.split()[1:]}) == 1:
                said["venv"] = rest.split()[1]
            case "RUN" if made := _USERADD.fullmatch(rest):
                said |= {"account": made["name"], "uid": int(made["uid"]), "home": made["home"]}
            case "ENV":
                name, _, value = rest.partition("=")
                said["environment"][name] = value
            case "USER" if rest == str(said["uid"]):
                pass
            case "WORKDIR":
                said["folder"] = rest
            case "ENTRYPOINT" | "CMD":
                said["entrypoint" if word == "ENTRYPOINT" else "command"] = json.loads(rest)
            case _:
                raise KubeError(f"this instruction is not understood: {word} {rest}")
    return said


def make(root: Path, file: Path, image: Image, work: Path) -> None:
    """Do what a Dockerfile says with the clone at `root`, in the folder `work`."""
    recipe = read(file.read_text())
    for sources, target in recipe.copies:
        for source in sources:
            _copy(root / source, work / target.lstrip("/"), is_one=len(sources) == 1)
    for command in recipe.commands:
        _run(command, recipe, work)
    path = image.environment["PATH"]
    add_python(image, work / recipe.venv.lstrip("/"), recipe.venv)
    add_accounts(image, {recipe.account: (recipe.uid, recipe.home)})
    image.folder(recipe.home.lstrip("/"), 0o700, recipe.uid)
    image.user, image.working_folder = str(recipe.uid), recipe.folder
    image.entrypoint, image.command = recipe.entrypoint, recipe.command
    said = {name: value.replace("$PATH", path) for name, value in recipe.environment.items()}
    image.environment.update(said)


def _copy(source: Path, target: Path, *, is_one: bool) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        folder = target if not is_one or str(target).endswith("/") else target.parent
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, folder)


def _run(command: str, recipe: Recipe, work: Path) -> None:
    """Run a command of the first stage, with the folders of the image below `work`."""
    roots = {recipe.venv, *(f"/{target.split('/')[1]}" for _, target in recipe.copies)}
    for place in sorted(roots):
        command = re.sub(rf"(?<=[\s']){re.escape(place)}(?=[/\['\s]|$)", f"{work}{place}", command)
    python = f"{sys.executable} -m"
    program, _, rest = command.partition(" ")
    words = {"python": f"{sys.executable} {rest}", "pip": f"{python} pip {rest}"}.get(program)
    if words is None:
        raise KubeError(f"this command is not understood: {command}")
    environ = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_ROOT_USER_ACTION": "ignore"}
    done = subprocess.run(
        ["bash", "-c", words], env=environ, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise KubeError(f"{command}\n{done.stdout[-1000:]}{done.stderr[-2000:]}")
