"""A plugin declares options in the sections that bear its names."""

from __future__ import annotations

import pytest

from airflow_lite.plugins.discovery.model import Entry, Plugin
from airflow_lite.plugins.probing.verdict import may_declare

PLUGIN = Plugin(
    "acme-local-k8s",
    "1",
    executors=(Entry("LocalKubernetesExecutor", "acme.executor:LocalKubernetesExecutor"),),
    groups=(Entry("local-k8s", "acme.plugin"),),
)


@pytest.mark.parametrize(
    ("section", "may"),
    [
        ("local-k8s", True),
        ("local_kubernetes_executor", True),
        ("local_kubernetes", False),
        ("core", False),
    ],
)
def test_a_section_is_named_like_a_group_or_as_airflow_names_that_of_the_executor(section, may):
    assert may_declare(PLUGIN, section) is may
