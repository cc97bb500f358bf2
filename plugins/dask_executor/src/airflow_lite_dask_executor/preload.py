"""Each Dask worker that we start runs this module first."""

from __future__ import annotations

import signal
from typing import Any


def dask_setup(_worker: Any) -> None:
    """Leave Ctrl-C, which a terminal sends to all of a command's processes, to the command."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
