"""The decorators that mark hooks. Importing this imports pluggy."""

from __future__ import annotations

import pluggy

PROJECT = "airflow_lite"

hookspec = pluggy.HookspecMarker(PROJECT)
#: Marks a function of a plugin's module as the implementation of the hook that it is named after.
hookimpl = pluggy.HookimplMarker(PROJECT)
