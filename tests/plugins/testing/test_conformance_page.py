from __future__ import annotations

from fixtures.scripts import load_script


def test_the_page_of_cases_is_up_to_date():
    module = load_script("docs/generate_conformance.py")
    written = module.PAGE.read_text(encoding="utf-8")
    assert written == module.page(), "run: python docs/generate_conformance.py"
