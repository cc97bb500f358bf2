"""What the kernel counts of kills for want of memory, in both versions of control groups."""

from __future__ import annotations

import pytest

from airflow_lite.processes.memory_limit import has_run_out

FIRST, SECOND = "memory/{}memory.oom_control", "{}memory.events"
COUNTS = {FIRST: "oom_kill_disable 0\nunder_oom 0\noom_kill {}\n", SECOND: "low 0\noom_kill {}\n"}


def is_seen(folder, file, place, group, kills):
    """Return what is seen of a count at a place, by a process that is told to be in a group."""
    root, own = folder / "cgroup", folder / "own"
    path = root / file.format(place)
    path.parent.mkdir(parents=True)
    path.write_text(COUNTS[file].format(kills))
    controllers = {FIRST: "8:cpu,memory", SECOND: "0:"}[file]
    own.write_text(f"9:pids:/other\n{controllers}:{group}\n")
    return has_run_out(root, own)


@pytest.mark.parametrize("kills", [0, 2])
@pytest.mark.parametrize("group", ["/", "/kubepods/pod"], ids=["own space", "the node's space"])
@pytest.mark.parametrize("file", COUNTS, ids=["v1", "v2"])
def test_a_kill_in_our_container_is_seen(tmp_path, file, group, kills):
    assert is_seen(tmp_path, file, "", group, kills) is (kills > 0)


@pytest.mark.parametrize("file", COUNTS, ids=["v1", "v2"])
def test_outside_of_a_container_the_group_is_others_too(tmp_path, file):
    assert not is_seen(tmp_path, file, "user/session/", "/user/session", 2)


def test_where_nothing_counts_nothing_is_known(tmp_path):
    own = tmp_path / "own"
    assert not has_run_out(tmp_path, own)
    own.write_text("8:memory:/x\n0::/\n")
    assert not has_run_out(tmp_path, own)
