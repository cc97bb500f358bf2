"""The options that Airflow's configuration has: section -> names."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from airflow.configuration import retrieve_configuration_description


def main(folder: str) -> None:
    description = retrieve_configuration_description(include_providers=False)
    options = {name: sorted(section["options"]) for name, section in description.items()}
    text = json.dumps(options, indent=1, sort_keys=True) + "\n"
    (Path(folder) / "options.json").write_text(text)


if __name__ == "__main__":
    main(sys.argv[1])
