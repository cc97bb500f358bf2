"""`pod_mutation_hook` changes pods as under Airflow, and takes nothing by which they are found."""

from __future__ import annotations

import json
import sys
from types import ModuleType, SimpleNamespace

import pytest

from airflow_lite.config import Config
from airflow_lite.executors import ConfigError, TaskInstanceKey
from airflow_lite_k8s_executor.mutation import AIRFLOWS_PLACE, find_hook
from airflow_lite_k8s_executor.pods.spec import BadPodError, PodAttempt, PodBuilder
from airflow_lite_k8s_executor.settings import TemplateSettings

#: Of processes of their own: whoever offers Airflow's names does so for good.
CONFIG = Config.load({}, {("plugins", "disabled"): "airflow-lite-airflow-names"})
KEY = TaskInstanceKey("d", "t", "r", attempt="a" * 32)
HOOK = """
def pod_mutation_hook(pod):
    {body}
"""


def model_of(data):
    return SimpleNamespace(**{name: data[name] for name in data})


#: What a client is here, as a module's text.
CLIENT = """
from types import SimpleNamespace

class ApiClient:
    def sanitize_for_serialization(self, model):
        return vars(model)

class V1Pod:
    @staticmethod
    def from_dict(data):
        return SimpleNamespace(**data)
"""
DAG = """
from airflow_lite import DAG, BashOperator
with DAG("d", schedule=None):
    BashOperator(task_id="t", bash_command="true")
"""


class ApiClient:
    """As Kubernetes' client has it: it reads answers, and writes models."""

    def deserialize(self, answer, kind):
        assert kind == "V1Pod"
        return model_of(json.loads(answer.data))

    def sanitize_for_serialization(self, model):
        return vars(model)


class OldPod:
    """Of clients up to 36."""


class NewPod:
    """Of later clients."""

    from_dict = staticmethod(model_of)


@pytest.fixture(params=[OldPod, NewPod])
def client(request, monkeypatch):
    """A client of Kubernetes' that knows no field."""
    package, module = ModuleType("kubernetes"), ModuleType("kubernetes.client")
    vars(package)["client"] = module
    vars(module).update(ApiClient=ApiClient, V1Pod=request.param)
    monkeypatch.setitem(sys.modules, "kubernetes", package)
    monkeypatch.setitem(sys.modules, "kubernetes.client", module)


@pytest.fixture
def local_settings(tmp_path, monkeypatch):
    """Write the module in which Airflow looks for the hook."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "airflow_local_settings", raising=False)

    def write(text):
        (tmp_path / "airflow_local_settings.py").write_text(text)

    yield write
    sys.modules.pop("airflow_local_settings", None)


def build(hook=AIRFLOWS_PLACE):
    settings = TemplateSettings(None, hook, "image:1", "", "", "")
    mutate = find_hook(hook, CONFIG)
    builder = PodBuilder(settings, namespace="n", instance="i", owner="o", mutate=mutate)
    return builder.build(PodAttempt(KEY, ["airflow-lite", "tasks", "run"], {}))


@pytest.mark.parametrize("text", [None, "def task_policy(task): ..."])
def test_without_a_hook_pods_are_as_they_are(local_settings, text):
    if text is not None:
        local_settings(text)
    assert build() == build(hook="")


def test_a_hook_changes_the_pod(local_settings, client):
    local_settings(HOOK.format(body="pod.spec['nodeSelector'] = {'disk': 'fast'}"))
    pod = build()
    assert pod["spec"].pop("nodeSelector") == {"disk": "fast"}
    assert pod == build(hook="")


def test_a_hook_takes_nothing_by_which_a_pod_is_found_and_ends(local_settings, client):
    local_settings(HOOK.format(body="pod.metadata = {}; pod.spec['restartPolicy'] = 'Always'"))
    assert build() == build(hook="")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("pod.no.such", f"{AIRFLOWS_PLACE} raised AttributeError: "),
        ("raise SystemExit(3)", f"{AIRFLOWS_PLACE} raised SystemExit: 3."),
        ("pod.spec['containers'] = []", "The pod has no container named 'base'"),
        ("pod.spec = None", "What the hook leaves of the pod has no spec."),
    ],
)
def test_a_hook_that_fails_refuses_its_pod_alone(local_settings, client, body, words):
    local_settings(HOOK.format(body=body))
    with pytest.raises(BadPodError) as caught:
        build()
    assert str(caught.value).startswith(words)


@pytest.mark.parametrize(
    ("hook", "text", "words"),
    [
        ("no_such.hook", "", "There is no module 'no_such'."),
        ("airflow_local_settings.other", "", "has no 'other'. Check the spelling."),
        (AIRFLOWS_PLACE, "import no_such", "needs 'no_such', which is not installed. Install it."),
        (AIRFLOWS_PLACE, "1 / 0", "failed with ZeroDivisionError"),
        (AIRFLOWS_PLACE, "pod_mutation_hook = 3", "is no function. Name one."),
    ],
)
def test_a_hook_that_cannot_be_imported_keeps_the_executor_from_starting(
    local_settings, client, hook, text, words
):
    local_settings(text)
    with pytest.raises(ConfigError) as caught:
        find_hook(hook, CONFIG)
    assert str(caught.value).startswith("[kubernetes] pod_mutation_hook: ")
    assert words in str(caught.value)


def test_a_hook_without_kubernetes_client_is_told_with_the_remedy(local_settings, monkeypatch):
    local_settings(HOOK.format(body="pass"))
    monkeypatch.setitem(sys.modules, "kubernetes", None)
    with pytest.raises(ConfigError, match="Install the package `kubernetes`, or set"):
        find_hook(AIRFLOWS_PLACE, CONFIG)


OF_AIRFLOW = """
from airflow.models import BaseOperator
from airflow.policies import hookimpl


def task_policy(task: BaseOperator): ...


@hookimpl
def pod_mutation_hook(pod):
    pod.spec["nodeSelector"] = {"disk": "fast"}
"""


def test_a_file_that_was_written_for_airflow_may_import_its_names(home):
    """`generate-dag-yaml` builds pods as the executor does; Airflow's names are a plugin's."""
    modules = home.folder / "modules"
    (modules / "kubernetes").mkdir(parents=True)
    (modules / "airflow_local_settings.py").write_text(OF_AIRFLOW)
    (modules / "kubernetes" / "__init__.py").write_text("")
    (modules / "kubernetes" / "client.py").write_text(CLIENT)
    home.environ |= {"PYTHONPATH": str(modules), "KUBECONFIG": str(home.folder / "none")}
    for name, text in (("REPOSITORY", "image"), ("TAG", "1")):
        home.environ[f"AIRFLOW_LITE__KUBERNETES__WORKER_CONTAINER_{name}"] = text
    home.dag("d", DAG)
    words = ("generate-dag-yaml", "d", "2024-01-01", "-o", str(home.folder))
    home.run("--executor", "KubernetesExecutor", "kubernetes", *words)
    (file,) = (home.folder / "airflow_yaml_output").iterdir()
    assert "disk: fast" in file.read_text()
