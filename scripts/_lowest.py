"""Print constraints that hold every dependency at the oldest version that its pyproject allows.

What the project does not name itself comes as new as constraints.txt has it, or older where an
old dependency asks for that. Read from the files, so that it cannot drift; needs Python alone.
"""

from __future__ import annotations

import re
import tomllib
from itertools import chain
from pathlib import Path

ROOT = Path(__file__).parent.parent
REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)(\[[^]]*\])?\s*>=\s*(?P<version>[\d.]+)")


def normal(name: str) -> str:
    """Return the name as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def requirements(pyproject: dict) -> list[str]:
    """Return what the distribution needs to be built and to run, with all of its extras."""
    project = pyproject["project"]
    extras = project.get("optional-dependencies", {}).values()
    builds = pyproject["build-system"]["requires"]
    return [*builds, *project.get("dependencies", []), *chain(*extras)]


def lowest_versions() -> dict[str, str]:
    """Return the lowest version of each dependency that is not the project's own."""
    files = [ROOT / "pyproject.toml", *ROOT.glob("plugins/*/pyproject.toml")]
    projects = [tomllib.loads(file.read_text()) for file in files]
    own = {normal(project["project"]["name"]) for project in projects}
    lowest: dict[str, str] = {}
    for requirement in chain(*map(requirements, projects)):
        name = normal(re.split(r"[^\w.-]", requirement, maxsplit=1)[0])
        if name in own:
            continue
        match = REQUIREMENT.match(requirement)
        if match is None:
            raise SystemExit(f"{requirement!r} names no lowest version. Write NAME>=VERSION.")
        if lowest.setdefault(name, match["version"]) != match["version"]:
            raise SystemExit(f"{name} has several lowest versions. Write the same everywhere.")
    return lowest


def main() -> None:
    """Print the constraints."""
    lowest = lowest_versions()
    for name, version in sorted(lowest.items()):
        print(f"{name}=={version}")
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        name, equals, version = line.partition("==")
        if equals and normal(name) not in lowest:
            print(f"{name}<={version}")


main()
