"""The executors with Kubernetes add little to an environment."""

from __future__ import annotations

from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from fixtures.scripts import ROOT

CORE, CELERY = "airflow-lite", "airflow-lite-celery-executor"
OURS = {
    "airflow-lite-k8s-executor": "k8s_executor",
    "airflow-lite-local-k8s-executor": "local_k8s_executor",
    "airflow-lite-celery-k8s-executor": "celery_k8s_executor",
}
MOST_DISTRIBUTIONS, MOST_BYTES = 10, 20_000_000


def with_all_it_requires(*names):
    found, waiting = set(), list(names)
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name not in found:
            found.add(name)
            required = map(Requirement, distribution(name).requires or ())
            waiting += [one.name for one in required if not one.marker or one.marker.evaluate()]
    return found


def size(name):
    if name in OURS:  # of which only a link is installed here
        files = [*(ROOT / "plugins" / OURS[name] / "src").rglob("*.*")]
    else:
        files = [Path(str(file.locate())) for file in distribution(name).files or ()]
    assert files
    return sum(file.stat().st_size for file in files if file.is_file())


def test_beside_celery_the_three_packages_add_at_most_20_mb_and_10_distributions():
    added = with_all_it_requires(*OURS) - with_all_it_requires(CORE, CELERY)
    assert added >= OURS.keys()
    assert len(added) <= MOST_DISTRIBUTIONS
    assert sum(map(size, added)) <= MOST_BYTES
