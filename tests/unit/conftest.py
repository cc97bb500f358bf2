"""No setting of this machine reaches a unit test."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def own_home(fresh_home):
    """Give each a home of its own."""
