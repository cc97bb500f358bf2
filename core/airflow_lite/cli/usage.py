"""What is wrong with the words of a command line."""

from __future__ import annotations

from airflow_lite.errors import UserError


class UsageError(UserError):
    """The words of the command line do not make a command. See `airflow-lite --help`."""

    exit_code = 2
