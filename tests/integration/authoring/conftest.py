"""The tests of authoring have a home of their own."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def own_home(fresh_home):
    """Let no setting of this machine reach the DAGs of any of them."""
