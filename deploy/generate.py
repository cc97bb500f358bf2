"""Write the manifests in deploy/kubernetes, as `airflow-lite kubernetes manifests` prints them.

    python deploy/generate.py

A test fails where a file differs from what this makes.
"""

from __future__ import annotations

from pathlib import Path

from airflow_lite_k8s_executor.deployment import Deployment

FOLDER = Path(__file__).parent / "kubernetes"


def manifests() -> dict[str, str]:
    """Return the files' names and texts; `kubectl apply -f` takes them in this order."""
    parts = Deployment.of("airflow-lite", None, "configmap", None).parts()
    return {f"{number}-{name}.yaml": text for number, (name, text) in enumerate(parts.items(), 1)}


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, text in manifests().items():
        (FOLDER / name).write_text(text)
