"""What a cluster is given: the least that does, without a secret, and as the command prints it."""

from __future__ import annotations

import re

import pytest
import yaml

from airflow_lite.config import Config
from airflow_lite_k8s_executor.deployment import DAG_SOURCES, Deployment
from airflow_lite_k8s_executor.health import ACCESS
from airflow_lite_k8s_executor.plugin import get_config_options
from airflow_lite_k8s_executor.pods.spec import DATABASE_KEY, read_template
from airflow_lite_k8s_executor.settings import KubernetesSettings
from fixtures.databases import SETTING
from fixtures.scripts import ROOT, load_script
from kubetest import dockerfile

VALUES = {"namespace": "airflow-lite", "image": "airflow-lite:0.1.0", "dags": "configmap"}
URL = "postgresql://u:p'\"%40@host/db"


def objects(**more):
    """Return the manifests as data, by kind and name."""
    deployment = Deployment(**{**VALUES, "database": None, **more})
    texts = deployment.parts().values()
    found = [item for text in texts for item in yaml.safe_load_all(text)]
    return {(item["kind"], item["metadata"]["name"]): item for item in found}


@pytest.fixture(params=DAG_SOURCES)
def made(request):
    return objects(dags=request.param)


def scheduler(made):
    return made["Deployment", "airflow-lite-scheduler"]["spec"]["template"]["spec"]


def worker(made, tmp_path):
    file = tmp_path / "pod.yaml"
    file.write_text(made["ConfigMap", "airflow-lite-pod"]["data"]["pod.yaml"])
    return read_template(file)["spec"]


def test_the_files_in_the_clone_are_what_the_command_prints(home):
    written = {path.name: path.read_text() for path in (ROOT / "deploy/kubernetes").iterdir()}
    assert written == load_script("deploy/generate.py").manifests(), "run deploy/generate.py"
    words = ("--executor", "KubernetesExecutor", "kubernetes", "manifests")
    assert home.run(*words).stdout == "---\n".join(written[name] for name in sorted(written))


def test_the_scheduler_may_do_what_the_executor_does_and_no_more(made):
    rules = made["Role", "airflow-lite-scheduler"]["rules"]
    granted = {
        (verb, *resource.split("/"), *[""] * (resource.count("/") == 0))
        for rule in rules
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    assert granted == {*ACCESS}
    assert {group for rule in rules for group in rule["apiGroups"]} == {""}


def test_pods_of_tasks_have_no_token(made, tmp_path):
    account = made["ServiceAccount", worker(made, tmp_path)["serviceAccountName"]]
    assert account["automountServiceAccountToken"] is False
    assert worker(made, tmp_path)["automountServiceAccountToken"] is False
    subjects = made["RoleBinding", "airflow-lite-scheduler"]["subjects"]
    assert [subject["name"] for subject in subjects] == [scheduler(made)["serviceAccountName"]]


def test_every_container_is_restricted_and_runs_as_the_user_of_the_image(made, tmp_path):
    recipe = dockerfile.read((ROOT / "deploy/docker/Dockerfile").read_text())
    for spec in (scheduler(made), worker(made, tmp_path)):
        assert spec["securityContext"]["runAsUser"] == recipe.uid
        assert spec["securityContext"]["runAsNonRoot"] is True
        for container in [*spec["containers"], *spec.get("initContainers", [])]:
            context = container["securityContext"]
            assert context["readOnlyRootFilesystem"] is True
            assert context["allowPrivilegeEscalation"] is False
            assert context["capabilities"] == {"drop": ["ALL"]}
            paths = {mount["mountPath"] for mount in container["volumeMounts"]}
            assert recipe.home in paths


def test_each_setting_is_an_option_that_the_executor_reads(made, tmp_path):
    environ = made["ConfigMap", "airflow-lite-config"]["data"]
    config = Config(tmp_path, environ, {})
    config.plugin_options = tuple(get_config_options())
    assert config.unknown_options() == []
    template = KubernetesSettings.read(config).template
    assert template.image == VALUES["image"]
    assert template.file is not None
    mounts = scheduler(made)["containers"][0]["volumeMounts"]
    assert str(template.file.parent) in {mount["mountPath"] for mount in mounts}


def test_dags_are_where_the_setting_says_in_the_scheduler_and_in_pods(made, tmp_path):
    folder = made["ConfigMap", "airflow-lite-config"]["data"]["AIRFLOW_LITE__CORE__DAGS_FOLDER"]
    for spec in (scheduler(made), worker(made, tmp_path)):
        volumes = [volume for volume in spec["volumes"] if volume["name"] == "dags"]
        mounts = [m for c in spec["containers"] for m in c["volumeMounts"] if m["name"] == "dags"]
        assert len(volumes) == len(mounts) in {0, 1}
        assert [mount["mountPath"] for mount in mounts] == [folder] * len(volumes)


def test_a_secret_is_made_only_of_a_file(tmp_path, home):
    assert not [kind for kind, _ in objects() if kind == "Secret"]
    (tmp_path / "url").write_text(f"{URL}\n")
    words = ("--executor", "KubernetesExecutor", "kubernetes", "manifests")
    text = home.run(*words, "--database-url-file", str(tmp_path / "url")).stdout
    secrets = [item for item in yaml.safe_load_all(text) if item["kind"] == "Secret"]
    assert [secret["stringData"] for secret in secrets] == [{DATABASE_KEY: URL}]
    assert text.count("p'") == 1
    assert SETTING in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("--image", "airflow-lite"),
            "--image is 'airflow-lite'. Name an image and its tag: NAME:TAG.",
        ),
        (("--image", "a b:c"), "--image is 'a b:c'. Name an image and its tag: NAME:TAG."),
        (
            ("--namespace", "Airflow"),
            "--namespace is 'Airflow'. Make it small letters, digits and dashes.",
        ),
        (
            ("--database-url-file", "/none"),
            "/none cannot be read: [Errno 2] No such file or directory: '/none'.",
        ),
    ],
)
def test_what_no_cluster_would_take_is_refused(home, words, message):
    line = ("--executor", "KubernetesExecutor", "kubernetes", "manifests", *words)
    assert home.run(*line, exit_code=1).stderr == f"airflow-lite: error: {message}\n"


@pytest.mark.parametrize(
    "image", ["a:1", "a/b:1.0-rc_2", "registry.example.com:5000/team/airflow-lite:0.1.0"]
)
def test_an_image_may_be_of_any_registry(image):
    data = objects(image=image)["ConfigMap", "airflow-lite-config"]["data"]
    prefix = "AIRFLOW_LITE__KUBERNETES__WORKER_CONTAINER_"
    assert f"{data[f'{prefix}REPOSITORY']}:{data[f'{prefix}TAG']}" == image


@pytest.mark.parametrize("dags", DAG_SOURCES)
def test_the_api_server_takes_them_all(cluster, namespace, dags):
    deployment = Deployment(namespace, "airflow-lite:0.1.0", dags, URL)
    text = "---\n".join(deployment.parts().values())
    said = cluster.kubectl("apply", "--dry-run=server", "-f", "-", text=text)
    assert len(re.findall("dry run", said)) == len([*yaml.safe_load_all(text)])
