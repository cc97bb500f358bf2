"""The options in [kubernetes], checked before anything connects; and what importing the plugin costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

from airflow_lite.config import Config
from airflow_lite.executors import ConfigError
from airflow_lite_k8s_executor.client.http import Timeouts
from airflow_lite_k8s_executor.plugin import get_config_options
from airflow_lite_k8s_executor.settings import KubernetesSettings, instance_name


@pytest.fixture
def config(tmp_path):
    def config(**options):
        values = {
            f"AIRFLOW_LITE__KUBERNETES__{name.upper()}": text for name, text in options.items()
        }
        made = Config(tmp_path, values)
        made.plugin_options = tuple(get_config_options())
        return made

    return config


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"worker_container_tag": "1"}, "name an image together. Set both."),
        ({"worker_pods_in_flight": "0"}, "worker_pods_in_flight is 0. Make it 1 to 10000."),
        ({"worker_pods_creation_batch_size": "65"}, "is 65. Make it 1 to 64."),
        ({"worker_pods_queued_check_interval": "0.5"}, "is 0.5. Make it 1 to 86400 seconds."),
        ({"worker_pods_pending_timeout": "nan"}, "worker_pods_pending_timeout is"),
        ({"task_publish_max_retries": "-2"}, "is -2. Make it -1 to 1000000."),
        ({"kube_client_request_args": "[]"}, "kube_client_request_args is no JSON object."),
        ({"kube_client_request_args": '{"watch": 1}'}, "'watch' is not known. It may have"),
        (
            {"kube_client_request_args": '{"_request_timeout": [1, 0]}'},
            "Make it seconds, or [connect_s, read_s].",
        ),
        ({"delete_option_kwargs": '{"dry": 1}'}, "'dry' is not known"),
        ({"instance_name": "a_b"}, "Make it letters, digits and dashes"),
        ({"tcp_keep_idle": "0"}, "tcp_keep_idle is 0. Make it 1 to 32767."),
    ],
)
def test_a_wrong_option_is_told_with_what_would_do(config, options, message):
    with pytest.raises(ConfigError) as caught:
        KubernetesSettings.read(config(**options))
    assert message in str(caught.value)


def test_the_defaults_are_read(config):
    settings = KubernetesSettings.read(config())
    assert settings.namespaces == ()
    assert (settings.deletes, settings.deletes_failed) == (True, False)
    assert settings.timeouts == Timeouts()
    assert "ErrImagePull" in settings.fatal_reasons


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('{"_request_timeout": 7}', Timeouts(7, 7)),
        ('{"_request_timeout": [1, 2.5]}', Timeouts(1, 2.5)),
    ],
)
def test_time_outs_are_those_of_requests(config, text, wanted):
    assert KubernetesSettings.read(config(kube_client_request_args=text)).timeouts == wanted


def test_options_of_a_deletion_may_have_the_names_of_pythons_client(config):
    settings = KubernetesSettings.read(config(delete_option_kwargs='{"grace_period_seconds": 1}'))
    assert settings.delete_options == {"gracePeriodSeconds": 1}


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({"multi_namespace_mode": "True"}, None),
        (
            {"multi_namespace_mode": "True", "multi_namespace_mode_namespace_list": "a, b"},
            ("a", "b"),
        ),
        ({"multi_namespace_mode_namespace_list": "a"}, ()),
    ],
)
def test_namespaces_are_one_some_or_all(config, options, wanted):
    assert KubernetesSettings.read(config(**options)).namespaces == wanted


def test_databases_set_pods_apart_and_passwords_do_not(tmp_path):
    def name(url):
        overrides = {("database", "sql_alchemy_conn"): url}
        made = Config(tmp_path, {}, overrides=overrides)
        made.plugin_options = tuple(get_config_options())
        return instance_name(made)

    assert name("postgresql://a:one@host/db") == name("postgresql://b:two@host/db")
    assert name("postgresql://a:one@host/db") != name("postgresql://a:one@host/other")


def test_importing_the_plugin_and_its_executor_imports_no_client():
    """The command line does it often."""
    code = (
        "import sys, airflow_lite_k8s_executor.plugin, airflow_lite_k8s_executor.cli_spec,"
        " airflow_lite_k8s_executor.executor; print(*sorted({'urllib3', 'yaml', 'ssl', 'http'}"
        " & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
