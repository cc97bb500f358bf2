"""Whether the kernel killed for want of memory in the container that this process is in."""

from __future__ import annotations

from pathlib import Path

#: Where control groups are: below, a group's file that counts what was killed in it.
_ROOT = Path("/sys/fs/cgroup")
_FIRST, _SECOND = ("memory", "memory.oom_control"), ("", "memory.events")


def has_run_out(root: Path = _ROOT, own: Path = Path("/proc/self/cgroup")) -> bool:
    """Return whether a process was killed in our container since that was made.

    False outside of one, where the group is others' as well, and where nothing counts that.
    """
    return any(_kills(path) > 0 for path in _files(root, own))


def _files(root: Path, own: Path) -> list[Path]:
    """Return the counts of our groups that stand at the root, as a container sees its own."""
    try:
        lines = own.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    files = []
    for _, controllers, group in (line.split(":", 2) for line in lines):
        if controllers and "memory" not in controllers.split(","):
            continue
        folder, name = _FIRST if controllers else _SECOND
        inner = group.strip("/")
        if not inner or not (root / folder / inner).is_dir():
            files.append(root / folder / name)
    return files


def _kills(path: Path) -> int:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    counts = dict(line.split(" ", 1) for line in lines if " " in line)
    return int(counts.get("oom_kill", 0))
