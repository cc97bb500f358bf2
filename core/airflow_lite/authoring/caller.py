"""The file that a DAG belongs to, and the module that is being imported when it is made."""

from __future__ import annotations

import os
import sys
from types import FrameType
from typing import NamedTuple

from airflow_lite.authoring import current

#: The folder of the code that authors call; the example DAGs of this package are in another.
_OURS = os.path.dirname(os.path.abspath(__file__)) + os.sep


class Importing(NamedTuple):
    """The module that is being imported: its name and file; both empty if none is."""

    name: str = ""
    file: str = ""


def caller_file() -> str:
    """Return the file that is being loaded, or that of the first frame outside of authoring."""
    loading = current.LOADING.get()
    if loading is not None:
        return loading.path
    frame = sys._getframe(1)  # noqa: SLF001 - there is no other way to a caller
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_OURS):
        frame = frame.f_back
    return frame.f_code.co_filename


def importing() -> Importing:
    """Return the module whose own lines are being run, whichever function they have called."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001
    while frame is not None:
        code, names = frame.f_code, frame.f_globals
        # What exec() runs has no file of its own, and is of the module that calls it.
        if code.co_name == "<module>" and code.co_filename == names.get("__file__"):
            return Importing(str(names["__name__"]), code.co_filename)
        frame = frame.f_back
    return Importing()
