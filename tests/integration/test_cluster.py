"""The program that starts a Kubernetes for the tests."""

from __future__ import annotations

import os
import platform
import shutil
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from fixtures.cluster import OwnCluster
from kubetest import binaries, components
from kubetest.cluster import Cluster


def pod(name, script):
    """Return a pod that runs a script by a shell of this machine."""
    mount = {"name": "usr", "mountPath": "/usr", "readOnly": True}
    base = {"name": "base", "image": "localhost/box:1", "command": ["bash", "-c", script]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "volumes": [{"name": "usr", "hostPath": {"path": "/usr"}}],
            "containers": [{**base, "volumeMounts": [mount]}],
        },
    }


def reaching(url):
    parts = urlsplit(url)
    return f"exec 3<>/dev/tcp/{parts.hostname}/{parts.port} && echo reached"


def test_several_may_expose_one_server_at_once(own_cluster):
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(4) as callers:
        url = f"x://127.0.0.1:{server.getsockname()[1]}/"
        exposed = [*callers.map(own_cluster.expose, [url] * 4)]
    assert len({*exposed}) == 1


def test_a_pod_runs_to_its_end_and_reaches_what_is_exposed(own_cluster, postgres_url):
    inside = own_cluster.expose(postgres_url)
    own_cluster.apply(pod("near", reaching(inside)), pod("far", reaching(postgres_url)))
    assert own_cluster.pod_at_end("default", "near")["status"]["phase"] == "Succeeded"
    assert own_cluster.pod_at_end("default", "far")["status"]["phase"] == "Failed"
    assert own_cluster.kubectl("logs", "near") == "reached\n"
    assert urlsplit(inside)._replace(netloc="") == urlsplit(postgres_url)._replace(netloc="")


def test_what_was_killed_comes_back_with_all_objects(own_cluster):
    own_cluster.kubectl("create", "configmap", "kept")
    own_cluster.kill("apiserver")
    assert own_cluster.try_kubectl("get", "configmap", "kept").returncode == 1
    own_cluster.heal()
    assert own_cluster.get("configmap", "kept")["metadata"]["name"] == "kept"


def test_a_user_has_no_rights_and_then_no_token(own_cluster):
    user = OwnCluster(own_cluster.new_user("someone"))
    assert "Forbidden" in user.try_kubectl("get", "pods").stderr
    own_cluster.take_token_away("someone")
    assert "Unauthorized" in user.try_kubectl("get", "pods").stderr


def test_nothing_is_left_of_a_cluster(own_cluster):
    own_cluster.apply(pod("waits", "sleep infinity"))
    found = Cluster(own_cluster.folder)
    members = found.members()
    assert members
    own_cluster.kube("down")
    mounts = Path("/proc/mounts").read_text()
    assert str(own_cluster.folder) not in mounts
    assert [pid for pid in members if Path(f"/proc/{pid}/ns").exists()] == []
    assert found.relays() == []
    assert [*Path("/sys/fs/cgroup").glob(f"*/{found.name}")] == []
    assert not own_cluster.folder.exists()


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine that looks as if a cluster could run there."""
    for controller in components.CONTROLLERS:
        (tmp_path / controller).mkdir()
        (tmp_path / controller / "cgroup.procs").touch()
    monkeypatch.setattr(binaries, "CGROUPS", tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(shutil, "which", lambda command: f"/usr/bin/{command}")
    made = tmp_path / "made"
    made.mkdir()
    monkeypatch.setattr(binaries, "place", lambda: made)
    return tmp_path


def why_not():
    with pytest.raises(binaries.CannotRunError) as caught:
        binaries.check(install=False)
    return str(caught.value)


def test_who_is_not_root_is_told_so(machine, monkeypatch):
    binaries.check(install=False)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert why_not() == "root is needed: namespaces, mounts and cgroups are made"


def test_cgroups_of_the_second_version_are_told(machine):
    (machine / "memory" / "cgroup.procs").unlink()
    where = machine / "memory"
    assert why_not() == f"the cgroup v1 controller memory is not mounted at {where}"


def test_another_kind_of_machine_is_told_unless_the_binaries_are_there(machine, monkeypatch):
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    binaries.check(install=False)
    monkeypatch.setattr(binaries, "place", lambda: machine / "none")
    assert why_not() in {
        "Kubernetes is built for x86_64, and this is riscv64",
        "Kubernetes is built from Debian 12 (bookworm), and this is not it",
    }


def test_missing_packages_are_named_unless_the_binaries_are_there(machine, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda command: None)
    wanted = "iproute2 mount openssl util-linux"
    assert why_not() == f"packages are missing: apt-get install {wanted}"
    monkeypatch.setattr(binaries, "place", lambda: machine / "none")
    monkeypatch.setattr(binaries, "_check_system", lambda: None)
    wanted = "gcc iproute2 libc6-dev mount openssl util-linux"
    assert why_not() == f"packages are missing: apt-get install {wanted}"
