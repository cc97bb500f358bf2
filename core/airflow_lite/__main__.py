"""`python -m airflow_lite`: the command line."""

from __future__ import annotations

import gc
import sys


def main() -> int:
    """Run the command line in `sys.argv` and return its exit code."""
    from airflow_lite.cli.main import run

    code = run(sys.argv[1:])
    gc.freeze()  # what ends with the process need not be searched for garbage: that takes 0.1 s
    return code


if __name__ == "__main__":
    sys.exit(main())
