"""Who we are to the API server: tokens that are replaced, certificates, programs that give them."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from airflow_lite_k8s_executor.client.errors import ClusterConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Seconds for which a token file is not read again: kubelets replace it long before it expires.
_FRESH_S = 10.0
#: Seconds that a program may take to give credentials.
_EXEC_S = 30.0
#: Seconds before their end from which credentials are asked for anew.
_EARLY_S = 30.0
_APIS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")


class Identity(NamedTuple):
    """What a request is sent with; certificate and key are PEM text."""

    headers: dict[str, str]
    certificate: str | None = None
    key: str | None = None


class Credentials(Protocol):
    """Gives an identity, as often as one is needed."""

    def identity(self, *, is_refused: bool = False) -> Identity:
        """Return what to send; with `is_refused`, what is new since that of before was refused."""


class TokenFile:
    """A token in a file that is replaced now and then."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_at = float("-inf")
        self._identity = Identity({})

    def identity(self, *, is_refused: bool = False) -> Identity:
        """Return the token, read again if the last look is a while ago."""
        now = time.monotonic()
        if is_refused or now - self._read_at >= _FRESH_S:
            self._identity = Identity({"Authorization": f"Bearer {_first_word(self._path)}"})
            self._read_at = now
        return self._identity


def _first_word(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ClusterConfigError(
            f"The token in {path} cannot be read ({error.strerror})."
        ) from error


class User:
    """A user of a kubeconfig, in whichever form."""

    def __init__(self, user: Mapping[str, Any], home: Path, *, server: str) -> None:
        self._user = user
        self._home = home
        self._server = server
        self._source: Credentials | None = None
        if "auth-provider" in user:
            raise ClusterConfigError(
                "The kubeconfig's user has an auth-provider, which Kubernetes gave up in 1.26."
                " Have its program called by `exec`."
            )

    def identity(self, *, is_refused: bool = False) -> Identity:
        """Return the user's token, password or certificate, with whom to act as."""
        if self._source is None:
            self._source = self._make_source()
        found = self._source.identity(is_refused=is_refused)
        return found._replace(headers={**found.headers, **self._impersonation()})

    def _make_source(self) -> Credentials:
        user = self._user
        if "exec" in user:
            return ExecPlugin(user["exec"], self._home)
        if user.get("tokenFile"):
            return TokenFile(self._home / Path(user["tokenFile"]).expanduser())
        return _Fixed(self._fixed())

    def _fixed(self) -> Identity:
        from airflow_lite_k8s_executor.client.cluster import text_of

        user, headers = self._user, {}
        if user.get("token"):
            headers["Authorization"] = f"Bearer {user['token']}"
        elif user.get("username"):
            pair = f"{user['username']}:{user.get('password', '')}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(pair).decode('ascii')}"
        certificate = text_of(user, "client-certificate", self._home)
        return Identity(headers, certificate, text_of(user, "client-key", self._home))

    def _impersonation(self) -> dict[str, str]:
        name = self._user.get("as")
        return {"Impersonate-User": str(name)} if name else {}


class _Fixed:
    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    def identity(self, *, is_refused: bool = False) -> Identity:
        return self._identity


class ExecPlugin:
    """A program that prints credentials: asked again when they end, or were refused."""

    def __init__(self, spec: Mapping[str, Any], home: Path) -> None:
        self._spec = spec
        self._home = home
        self._identity: Identity | None = None
        self._ends_at_s = float("inf")
        self._version = str(spec.get("apiVersion", ""))
        if self._version not in _APIS:
            raise ClusterConfigError(
                f"The kubeconfig's exec has apiVersion {self._version!r}. It must be one of"
                f" {', '.join(_APIS)}."
            )

    def identity(self, *, is_refused: bool = False) -> Identity:
        """Return what the program printed last, as long as that holds."""
        if self._identity is None or is_refused or time.time() >= self._ends_at_s - _EARLY_S:
            self._identity = self._ask()
        return self._identity

    def _ask(self) -> Identity:
        command = str(self._spec.get("command", ""))
        path = str(self._home / command) if os.sep in command else command
        info = {"apiVersion": self._version, "kind": "ExecCredential", "spec": {}}
        info["spec"] = {"interactive": False}
        extra = {str(one["name"]): str(one["value"]) for one in self._spec.get("env") or ()}
        try:
            done = subprocess.run(
                [path, *map(str, self._spec.get("args") or ())],
                env={**os.environ, **extra, "KUBERNETES_EXEC_INFO": json.dumps(info)},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_EXEC_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise self._fault(str(error)) from error
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()
            raise self._fault(f"exit code {done.returncode}: {said[-1] if said else 'no output'}")
        return self._read(done.stdout)

    def _read(self, output: bytes) -> Identity:
        try:
            status = json.loads(output)["status"]
            self._ends_at_s = _moment_s(status.get("expirationTimestamp"))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise self._fault(f"what it printed is no ExecCredential ({error})") from error
        token = status.get("token")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return Identity(headers, status.get("clientCertificateData"), status.get("clientKeyData"))

    def _fault(self, why: str) -> ClusterConfigError:
        hint = self._spec.get("installHint")
        said = f" {hint}" if hint else ""
        return ClusterConfigError(
            f"{self._spec.get('command')!r}, which the kubeconfig has give credentials, did not:"
            f" {why}.{said}"
        )


def _moment_s(text: str | None) -> float:
    from datetime import datetime

    if not text:
        return float("inf")
    return datetime.fromisoformat(text).timestamp()
