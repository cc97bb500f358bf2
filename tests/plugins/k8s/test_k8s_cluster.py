"""Which cluster is talked to, and as whom: kubeconfigs of all kinds, and a pod's service account."""

from __future__ import annotations

import base64
import json
import os

import pytest

from airflow_lite_k8s_executor.client.cluster import Wanted, find_cluster, in_cluster
from airflow_lite_k8s_executor.client.errors import ClusterConfigError

CERTIFICATE = "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"
ENCODED = base64.b64encode(CERTIFICATE.encode()).decode()


def kubeconfig(path, user=None, cluster=None, context="here", **more):
    """Write a kubeconfig with one context."""
    content = {
        "current-context": context,
        "contexts": [{"name": context, "context": {"cluster": "k", "user": "u", **more}}],
        "clusters": [{"name": "k", "cluster": {"server": "https://one:6443", **(cluster or {})}}],
        "users": [{"name": "u", "user": user or {}}],
    }
    path.write_text(json.dumps(content))
    return path


@pytest.fixture
def find(tmp_path):
    """Find the cluster of one kubeconfig."""

    def find(user=None, cluster=None, wanted=None, **more):
        path = kubeconfig(tmp_path / "config", user, cluster, **more)
        environ = {"KUBECONFIG": str(path)}
        return find_cluster(wanted or Wanted(in_cluster=False), environ)

    return find


def headers(cluster):
    return cluster.credentials.identity().headers


def test_a_context_names_server_user_and_namespace(find):
    found = find({"token": "t"}, namespace="team")
    assert (found.server, found.namespace, found.is_verified) == ("https://one:6443", "team", True)
    assert headers(found) == {"Authorization": "Bearer t"}


def test_another_context_may_be_named(tmp_path):
    first = kubeconfig(tmp_path / "a", {"token": "a"})
    second = kubeconfig(tmp_path / "b", {"token": "b"}, context="there")
    environ = {"KUBECONFIG": f"{first}{os.pathsep}{second}{os.pathsep}/nowhere"}
    wanted = Wanted(in_cluster=False, context="there")
    assert find_cluster(wanted, environ).server == "https://one:6443"
    with pytest.raises(ClusterConfigError, match="has no context 'none'"):
        find_cluster(wanted._replace(context="none"), environ)


def test_of_several_files_the_first_that_has_a_name_counts(tmp_path):
    first = kubeconfig(tmp_path / "a", {"token": "a"})
    second = kubeconfig(tmp_path / "b", {"token": "b"})
    environ = {"KUBECONFIG": f"{first}{os.pathsep}{second}"}
    assert headers(find_cluster(Wanted(in_cluster=False), environ))["Authorization"] == "Bearer a"


def test_a_home_has_a_kubeconfig_at_the_usual_place(tmp_path):
    (tmp_path / ".kube").mkdir()
    kubeconfig(tmp_path / ".kube/config", {"token": "t"})
    assert find_cluster(Wanted(in_cluster=True), {"HOME": str(tmp_path)}).server


def test_certificates_come_as_data_or_in_files_beside_the_kubeconfig(find, tmp_path):
    (tmp_path / "key.pem").write_text("key")
    found = find(
        {"client-certificate-data": ENCODED, "client-key": "key.pem"},
        {"certificate-authority-data": ENCODED, "tls-server-name": "inner"},
    )
    identity = found.credentials.identity()
    assert (identity.certificate, identity.key) == (CERTIFICATE, "key")
    assert (found.ca, found.server_name) == (CERTIFICATE, "inner")


@pytest.mark.parametrize(
    ("user", "wanted"),
    [
        ({"username": "me", "password": "p"}, {"Authorization": "Basic bWU6cA=="}),
        ({"token": "t", "as": "boss"}, {"Authorization": "Bearer t", "Impersonate-User": "boss"}),
        ({}, {}),
    ],
)
def test_users_of_every_kind(find, user, wanted):
    assert headers(find(user)) == wanted


def test_a_token_file_is_read_again_when_its_token_is_refused(find, tmp_path):
    (tmp_path / "token").write_text("one\n")
    credentials = find({"tokenFile": "token"}).credentials
    assert credentials.identity().headers == {"Authorization": "Bearer one"}
    (tmp_path / "token").write_text("two\n")
    assert credentials.identity(is_refused=True).headers == {"Authorization": "Bearer two"}


SCRIPT = """\
#!/bin/sh
echo x >>"$0.calls"
echo "{\\"apiVersion\\": \\"v1\\", \\"status\\": {\\"token\\": \\"$1-$WORD\\", \\"expirationTimestamp\\": \\"$2\\"}}"
"""


class Plugin:
    """A program beside the kubeconfig that gives a token."""

    def __init__(self, program):
        self.program = program
        program.write_text(SCRIPT)
        program.chmod(0o755)

    def user(self, until, **more):
        """Return the user for whom it does."""
        spec = {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": "./login",
            "args": ["token", until],
            "env": [{"name": "WORD", "value": "of-mine"}],
        }
        return {"exec": {**spec, **more}}

    @property
    def calls(self):
        return len(self.program.with_name("login.calls").read_text().splitlines())


@pytest.fixture
def plugin(tmp_path):
    return Plugin(tmp_path / "login")


def test_a_program_gives_a_token_which_holds_until_its_end(find, plugin):
    credentials = find(plugin.user("2999-01-01T00:00:00Z")).credentials
    for _ in range(3):
        assert credentials.identity().headers == {"Authorization": "Bearer token-of-mine"}
    assert plugin.calls == 1
    credentials.identity(is_refused=True)
    assert plugin.calls == 2


def test_a_program_is_asked_again_when_its_token_is_over(find, plugin):
    credentials = find(plugin.user("2001-01-01T00:00:00Z")).credentials
    credentials.identity()
    credentials.identity()
    assert plugin.calls == 2


FAULTS = [
    ({"command": "/no/such"}, "did not: "),
    (
        {"command": "/bin/false", "installHint": "Install it."},
        "exit code 1: no output. Install it.",
    ),
    ({"command": "/bin/echo"}, "what it printed is no ExecCredential"),
    ({"apiVersion": "client.authentication.k8s.io/v1alpha1"}, "It must be one of"),
]


@pytest.mark.parametrize(("more", "words"), FAULTS)
def test_a_program_that_gives_nothing_is_told(find, plugin, more, words):
    with pytest.raises(ClusterConfigError) as caught:
        find(plugin.user("", **more)).credentials.identity()
    assert words in str(caught.value)


def test_in_a_pod_its_service_account_speaks(tmp_path):
    for name, text in (("token", "t1"), ("ca.crt", CERTIFICATE), ("namespace", "here\n")):
        (tmp_path / name).write_text(text)
    environ = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}
    found = in_cluster(environ, tmp_path)
    assert (found.server, found.namespace, found.ca) == (
        "https://[fd00::1]:443",
        "here",
        CERTIFICATE,
    )
    assert headers(found) == {"Authorization": "Bearer t1"}


def test_in_a_pod_a_kubeconfig_speaks_only_where_one_is_named(tmp_path):
    path = kubeconfig(tmp_path / "config", {"token": "t"})
    environ = {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}
    wanted = Wanted(in_cluster=True, config_file=str(path))
    assert find_cluster(wanted, environ).server == "https://one:6443"


@pytest.mark.parametrize(
    ("text", "words"),
    [("a: [", "is no YAML"), ("[]", "is no kubeconfig"), ("a: b", "has no context ''")],
)
def test_a_broken_kubeconfig_is_told(tmp_path, text, words):
    (tmp_path / "config").write_text(text)
    with pytest.raises(ClusterConfigError, match=words):
        find_cluster(Wanted(in_cluster=False), {"KUBECONFIG": str(tmp_path / "config")})


def test_what_the_user_says_of_certificates_goes_first(find, tmp_path):
    (tmp_path / "ca").write_text("mine")
    wanted = Wanted(in_cluster=False, ca_file=str(tmp_path / "ca"), verify_ssl=False)
    found = find({}, {"certificate-authority-data": ENCODED}, wanted)
    assert (found.ca, found.is_verified) == ("mine", False)


def test_an_auth_provider_is_refused_with_the_way_out(find):
    with pytest.raises(ClusterConfigError, match="Have its program called by `exec`"):
        find({"auth-provider": {"name": "gcp"}})
