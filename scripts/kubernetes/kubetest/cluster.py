"""One cluster: its folder, and what /proc tells of its processes. There are no pid files."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.client
import json
import os
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from kubetest.binaries import HERE, build, check
from kubetest.components import CGROUPS, COMPONENTS, CONTROLLERS, GATEWAY, NODE_ENV, USERS
from kubetest.image import Image
from kubetest.processes import (
    KubeError,
    alive,
    argv_of,
    free_port,
    has_ended,
    in_network,
    last_line,
    pids,
    run,
    started_at,
    state_of,
    wait_for,
)

MARKER = ".kube-test"


class Cluster:
    """One cluster: its folder, and what /proc tells of its processes. No pid files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = f"kube-{hashlib.sha256(str(folder).encode()).hexdigest()[:8]}"
        self.conf = folder / "conf"

    # -- what runs

    def keeper(self) -> int | None:
        """Return the process that is number 1 in the node: everything else dies with it."""
        for pid in pids():
            argv = argv_of(pid)
            if len(argv) == 2 and argv[0].endswith("/bin/pause") and argv[1] == str(self.folder):
                return pid
        return None

    def members(self) -> dict[int, list[str]]:
        """Return the command lines of all processes inside the node, pods included."""
        keeper = self.keeper()
        if not keeper:
            return {}
        found = {}
        for pid in pids():
            with contextlib.suppress(OSError):
                if os.path.samestat(
                    os.stat(f"/proc/{pid}/ns/pid"), os.stat(f"/proc/{keeper}/ns/pid")
                ):
                    found[pid] = argv_of(pid)
        return found

    def pid_of(self, component: str) -> int | None:
        """Return the process of a component, or None."""
        if component == "relay":
            return next(iter(self.relays("in")), None)
        binary = COMPONENTS[component].split()[0]
        return next((p for p, argv in self.members().items() if argv[:1] == [binary]), None)

    def relays(self, kind: str = "") -> list[int]:
        """Return the relays, those of one kind or all: they live outside of the node."""
        head = ["_relay", str(self.folder)]
        return [
            pid
            for pid in pids()
            if head == (argv := argv_of(pid))[2:4] and (not kind or argv[4] == kind)
        ]

    def inside(self, *namespaces: str) -> list[str]:
        """Return the words before a command that runs it in these namespaces of the node."""
        keeper = self.keeper()
        if not keeper:
            raise KubeError(f"no cluster runs in {self.folder}: run `kube up` first")
        return ["nsenter", "-t", str(keeper), *namespaces, "--"]

    # -- up

    def up(self, port: int, *, install: bool) -> None:
        """Start what does not run, and wait until pods may be created."""
        check(install=install)
        place = build()
        if not self.keeper():
            self.down()
            self.lay_out(port or free_port())
            (self.folder / "kubectl").symlink_to(place / "bin" / "kubectl")
            self.make_cgroups()
            self.make_namespaces(place)
        for component in COMPONENTS:
            self.start(component)
            if component == "containerd":
                self.load_own_images(place)
        wait_for("the default service account", self.service_account, 60)
        self.start_relay("in", f"127.0.0.1:{self.port()}", "127.0.0.1:443")

    def lay_out(self, port: int) -> None:
        """Make the cluster's folder with its keys, tokens and settings."""
        for parent in ("/run", "/var/lib", "/var/log"):
            if self.folder.is_relative_to(parent):
                raise KubeError(f"the folder cannot lie under {parent}: the node has its own")
        self.folder.mkdir(mode=0o700, parents=True)
        (self.folder / MARKER).write_text(f"{port}\n")
        for part in ("conf", "lib", "log"):
            (self.folder / part).mkdir()
        shutil.copytree(HERE / "node", self.folder / "node")
        self.make_certificate()
        for user, (uid, groups) in USERS.items():
            self.add_user(user, uid, groups)

    def make_certificate(self) -> None:
        """Make the API server's certificate, which signs service accounts' tokens, too."""
        names = f"IP:127.0.0.1,IP:{GATEWAY},IP:10.0.0.1,DNS:localhost,DNS:kubernetes.default.svc"
        words = f"""openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes
            -days 3650 -subj /CN=kube-test -addext subjectAltName={names}
            -addext keyUsage=critical,digitalSignature,keyCertSign"""
        files = ["-keyout", str(self.conf / "tls.key"), "-out", str(self.conf / "tls.crt")]
        run(*words.split(), *files)

    def add_user(self, user: str, uid: str, groups: str) -> None:
        """Make a token, and a kubeconfig with it; the API server reads tokens as it starts."""
        token = secrets.token_hex(16)
        with (self.conf / "tokens.csv").open("a") as file:
            file.write(f'{token},{user},{uid},"{groups}"\n')
        if user.startswith("system:"):
            self.write_kubeconfig(self.conf / user.replace(":", "-"), token, "127.0.0.1:443")
        else:
            self.write_kubeconfig(self.folder / user, token, f"127.0.0.1:{self.port()}")
            self.write_kubeconfig(self.folder / f"{user}.inside", token, f"{GATEWAY}:443")

    def write_kubeconfig(self, stem: Path, token: str, address: str) -> None:
        """Write how a user reaches the API at an address."""
        authority = base64.b64encode((self.conf / "tls.crt").read_bytes()).decode()
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "kube-test",
            "contexts": [
                {
                    "name": "kube-test",
                    "context": {"cluster": "kube-test", "user": "user", "namespace": "default"},
                }
            ],
            "clusters": [
                {
                    "name": "kube-test",
                    "cluster": {
                        "server": f"https://{address}",
                        "certificate-authority-data": authority,
                    },
                }
            ],
            "users": [{"name": "user", "user": {"token": token}}],
        }
        stem.with_name(f"{stem.name}.kubeconfig").write_text(json.dumps(config, indent=1))

    def port(self) -> int:
        """Return the API's port on this machine's loopback."""
        return int((self.folder / MARKER).read_text())

    def make_cgroups(self) -> None:
        """Give the node's pods a cgroup of their own in each hierarchy that a kubelet looks at."""
        for controller in CONTROLLERS:
            root = CGROUPS / controller
            if (root / "cgroup.procs").exists():
                (root / self.name).mkdir(exist_ok=True)
        for file in ("cpuset.cpus", "cpuset.mems"):
            value = (CGROUPS / "cpuset" / file).read_text()
            (CGROUPS / "cpuset" / self.name / file).write_text(value)
        # All pods together would weigh as much as one process outside: on a busy machine, nothing.
        (CGROUPS / "cpu" / self.name / "cpu.shares").write_text("10240")

    def make_namespaces(self, place: Path) -> None:
        """Start the node's first process, and let it prepare what is mounted."""
        with (self.folder / "log" / "keeper.log").open("a") as log:
            subprocess.Popen(
                ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
                 "--propagation", "private", str(place / "bin" / "pause"), str(self.folder)],
                start_new_session=True, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
            )  # fmt: skip
        wait_for("the node's first process", self.keeper, 5)
        run(
            *self.inside("-n", "-m", "-p"),
            "/bin/sh",
            str(self.folder / "node" / "setup.sh"),
            str(self.folder),
            str(place),
        )

    # -- components

    def start(self, component: str, extra: list[str] | None = None) -> None:
        """Start a component that is not running, and wait until it works."""
        if not self.pid_of(component):
            command = COMPONENTS[component].replace("/CGROUP", f"/{self.name}").split()
            with (self.folder / "log" / f"{component}.log").open("a") as log:
                subprocess.run(
                    [*self.inside("-n", "-m", "-p"), "setsid", "-f", *command, *(extra or [])],
                    env=NODE_ENV, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=True,
                )  # fmt: skip
            wait_for(f"the start of {component}", lambda: self.pid_of(component), 5)
        wait_for(f"{component} working", lambda: self.works(component), 120)

    def works(self, component: str) -> bool:
        """Tell whether a component answers as it should; raise where it has died."""
        if not self.pid_of(component):
            log = self.folder / "log" / f"{component}.log"
            raise KubeError(f"{component} has died: {last_line(log)} (log: {log})")
        if component == "etcd":
            return self.port_answers(2379)
        if component == "containerd":
            with contextlib.suppress(KubeError):
                return bool(self.ctr("version"))
            return False
        if component == "apiserver":
            return self.api("/readyz")[0] == 200
        if component == "kubelet":
            return self.node_ready(since=started_at(self.pid_of("kubelet") or 1))
        return True

    def port_answers(self, port: int) -> bool:
        """Whether somebody listens on a port of the node."""
        try:
            self.connect(port).close()
        except OSError:
            return False
        return True

    def connect(self, port: int) -> socket.socket:
        """Connect to a port of the node's loopback."""
        keeper = self.keeper()
        if keeper is None:
            raise ConnectionRefusedError(f"no cluster runs in {self.folder}")
        return in_network(keeper, lambda: socket.create_connection(("127.0.0.1", port), 5))

    def stop(self, component: str, *, graceful: bool = False) -> None:
        """End a component, if it runs, and wait until it has ended."""
        pid = self.pid_of(component)
        if pid:
            os.kill(pid, signal.SIGTERM if graceful else signal.SIGKILL)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
            wait_for(f"the end of {component}", lambda: has_ended(pid), 90)

    def signal(self, component: str, number: int) -> None:
        """Send a component a signal."""
        pid = self.pid_of(component)
        if not pid:
            raise KubeError(f"{component} does not run")
        os.kill(pid, number)

    def ctr(self, *argv: str) -> str:
        """Run `ctr` in the node, and return what it printed."""
        return run(*self.inside("-n", "-m", "-p"), "/run/kube/bin/ctr", *argv, env=NODE_ENV)

    def load(self, archive: Path) -> None:
        """Load an image's archive into the node."""
        self.inside()
        copy = self.folder / f"load-{os.getpid()}.tar"
        try:
            shutil.copy(archive, copy)
            self.ctr("images", "import", f"/run/cluster/{copy.name}")
        finally:
            copy.unlink(missing_ok=True)

    def load_own_images(self, place: Path) -> None:
        """Load the sandbox's image, and one of empty folders for pods that mount /usr and /etc."""
        have = self.ctr("images", "ls", "-q").split()
        for name in ("localhost/pause:1", "localhost/box:1"):
            if name not in have:
                with Image(self.folder, name) as image:
                    if "pause" in name:
                        image.add(place / "bin" / "pause", "pause")
                        image.command = ["/pause"]
                    else:
                        image.skeleton()
                self.ctr("images", "import", f"/run/cluster/{image.file.name}")
                image.file.unlink()

    # -- the API, spoken to inside the node's network

    def api(self, path: str) -> tuple[int, dict[str, Any]]:
        """GET as admin; status 0 where nothing answers."""
        config = json.loads((self.folder / "admin.kubeconfig").read_text())
        context = ssl.create_default_context(cafile=str(self.conf / "tls.crt"))
        link = http.client.HTTPConnection("127.0.0.1")
        try:
            link.sock = context.wrap_socket(self.connect(443), server_hostname="127.0.0.1")
            token = config["users"][0]["user"]["token"]
            link.request("GET", path, headers={"Authorization": f"Bearer {token}"})
            answer = link.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException):
            return 0, {}
        finally:
            link.close()
        found = answer.status == 200 and body.startswith(b"{")
        return answer.status, json.loads(body) if found else {}

    def node_ready(self, since: float = 0) -> bool:
        """Tell whether the node is Ready, as said by a kubelet that started then."""
        conditions = self.api("/api/v1/nodes/node")[1].get("status", {}).get("conditions", [])
        earliest = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(since))
        return any(
            c["type"] == "Ready" and c["status"] == "True" and c["lastHeartbeatTime"] >= earliest
            for c in conditions
        )

    def service_account(self) -> bool:
        """Pods are refused until this account exists and has its token."""
        return "secrets" in self.api("/api/v1/namespaces/default/serviceaccounts/default")[1]

    # -- relays: a port of one network joined to a port of the other, by loopback on this side

    def start_relay(self, kind: str, listen: str, target: str) -> None:
        """Start a relay unless the same one runs; `in` leads into the node, `out` out of it."""
        tail = ["_relay", str(self.folder), kind, listen, target]
        if any(argv_of(pid)[2:] == tail for pid in self.relays(kind)):
            return
        log = self.folder / "log" / "relay.log"
        with log.open("a") as output:
            relay = subprocess.Popen(
                [sys.executable, str(HERE / "kube"), *tail], start_new_session=True, cwd="/",
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=output,
            )  # fmt: skip
        if relay.stdout is None or relay.stdout.readline() != b"ready\n":
            raise KubeError(f"no relay at {listen}: {last_line(log)}")

    def expose(self, port: int, target_port: int) -> None:
        """Let pods reach a port of this machine."""
        self.inside()
        self.start_relay("out", f"{GATEWAY}:{port}", f"127.0.0.1:{target_port}")

    # -- down

    def down(self) -> None:
        """Stop all that this folder's cluster has left, whatever state it is in."""
        for pid in self.relays():
            self.end(pid)
        members = self.members()
        keeper = self.keeper()
        if keeper:
            self.end(keeper)  # the kernel ends the rest, and drops the mounts and the networks
            wait_for("the end of the node", lambda: not any(map(alive, members)), 30)
        for root in CGROUPS.glob(f"*/{self.name}"):  # runc adds one in the unified hierarchy
            remove_cgroup(root)
        if (self.folder / MARKER).exists():
            shutil.rmtree(self.folder)
        elif self.folder.exists() and any(self.folder.iterdir()):
            raise KubeError(f"{self.folder} is not a cluster's folder and not empty: left alone")
        elif self.folder.exists():
            self.folder.rmdir()

    @staticmethod
    def end(pid: int) -> None:
        """Kill a process, and wait until it has ended."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        wait_for(f"the end of process {pid}", lambda: not alive(pid), 30)

    # -- status

    def status(self) -> bool:
        """Print what runs; return whether all does and the node is Ready."""
        members = self.members()
        if not self.keeper():
            print(f"no cluster runs in {self.folder}")
            return False
        whole = True
        for component in [*COMPONENTS, "relay"]:
            pid = self.pid_of(component)
            letter, megabytes = state_of(pid) if pid else ("-", 0)
            words = {"T": "stopped", "-": "DOWN", "Z": "DOWN"}.get(letter, "running")
            whole &= words == "running"
            print(f"{component:20} {words:8} pid {pid or '-':<8} {megabytes:4} MB")
        total = sum(state_of(pid)[1] for pid in [*members, *self.relays()])
        ready = self.node_ready()
        words = "Ready" if ready else "NOT Ready"
        print(f"{len(members)} processes in the node, {total} MB; node {words}")
        for pid in self.relays("out"):
            here, there = argv_of(pid)[5:7]
            print(f"pods reach {there} as {here}")
        self.describe()
        return whole and ready

    def describe(self) -> None:
        """Print how the cluster is reached."""
        print(f"KUBECONFIG={self.folder}/admin.kubeconfig")
        print(f"gateway={GATEWAY}")
        print(f"logs={self.folder}/log")


def remove_cgroup(root: Path) -> None:
    """Remove a tree of empty cgroups; the kernel may need a moment after its last process."""

    def gone() -> bool:
        for folder, _, _ in os.walk(root, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(folder)
        return not root.exists()

    wait_for(f"the removal of {root}", gone, 10)
