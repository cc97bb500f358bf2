"""The generated pages of the reference say what the code says."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[3] / "docs"


def generator():
    spec = importlib.util.spec_from_file_location("generate_docs", DOCS / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["configuration.md", "commands.md"])
def test_a_generated_page_is_up_to_date(name):
    written = (DOCS / "reference" / name).read_text()
    assert written == generator().PAGES[name](), "run: python docs/generate.py"
