"""`python -m airflow_lite`: the command line."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line in `sys.argv` and return its exit code."""
    from airflow_lite.cli.main import run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
