"""What a cluster is given: the files in `manifests`, filled in."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path
from string import Template
from textwrap import indent
from typing import NamedTuple, Self

from airflow_lite.cli import UserError

#: How DAG files reach the scheduler and the pods of tasks: the source of a volume, or none.
DAG_SOURCES = {
    "configmap": "configMap:\n  name: airflow-lite-dags\n  optional: true\n",
    "volume": "persistentVolumeClaim:\n  claimName: airflow-lite-dags\n  readOnly: true\n",
    "image": "",
}
PARTS = ("namespace", "access", "database", "settings", "scheduler")
_MOUNT = "- name: dags\n  mountPath: /dags\n  readOnly: true\n"
#: How far lists stand to the right in the files: of the scheduler, and of the pod template.
_SCHEDULER_MOUNT, _SCHEDULER_VOLUME, _POD_MOUNT, _POD_VOLUME = 12, 8, 12, 8


_NAMESPACE = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
_IMAGE = re.compile(r"[\w.-]+(:\d+)?(/[\w.-]+)*:[\w.-]+", re.ASCII)


class Deployment(NamedTuple):
    """What the manifests depend on."""

    namespace: str
    image: str  # with its tag
    dags: str  # a key of DAG_SOURCES
    database: str | None  # the URL; None: the Secret is made by somebody else

    @classmethod
    def of(cls, namespace: str, image: str | None, dags: str, database_file: str | None) -> Self:
        """Return what was asked for; raise `UserError` for what no cluster would take."""
        from airflow_lite import __version__

        image = image or f"airflow-lite:{__version__}"
        if not _NAMESPACE.fullmatch(namespace):
            raise UserError(
                f"--namespace is {namespace!r}. Make it small letters, digits and dashes."
            )
        if not _IMAGE.fullmatch(image):
            raise UserError(f"--image is {image!r}. Name an image and its tag: NAME:TAG.")
        return cls(namespace, image, dags, _read(database_file) if database_file else None)

    def parts(self) -> dict[str, str]:
        """Return the text of each part, in the order in which they are applied."""
        names = [name for name in PARTS if name != "database" or self.database is not None]
        return {name: self._filled(name) for name in names}

    def _filled(self, name: str) -> str:
        text = files(f"{__package__}.manifests").joinpath(f"{name}.yaml").read_text("utf-8")
        repository, _, tag = self.image.rpartition(":")
        filled = Template(text).substitute(
            namespace=self.namespace,
            repository=repository,
            tag=json.dumps(tag),
            image=self.image,
            database=json.dumps(self.database),
            **self._dags(),
        )
        return filled.rstrip("\n") + "\n"

    def _dags(self) -> dict[str, str]:
        source = DAG_SOURCES[self.dags]
        mount = _MOUNT if source else ""
        volume = f"- name: dags\n{indent(source, '  ')}" if source else ""
        return {
            "scheduler_mount": indent(mount, " " * _SCHEDULER_MOUNT),
            "scheduler_volume": indent(volume, " " * _SCHEDULER_VOLUME),
            "pod_mount": indent(mount, " " * _POD_MOUNT),
            "pod_volume": indent(volume, " " * _POD_VOLUME),
        }


def _read(file: str) -> str:
    try:
        return Path(file).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file} cannot be read: {error}.") from error
