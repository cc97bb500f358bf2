"""What may go wrong with a call to the API server."""

from __future__ import annotations

import json
from typing import Any

from airflow_lite.cli import UserError

#: What is worth another try: overload, and servers or proxies that are not themselves.
_PASSING = frozenset({408, 429, 500, 502, 503, 504})
_LONGEST = 500


class ClusterConfigError(UserError):
    """It is not known how to reach the cluster. Check [kubernetes] in_cluster and config_file."""


class ApiUnreachableError(OSError):
    """The API server does not answer, or the connection broke: nobody knows what it did."""


class ApiError(Exception):
    """The API server answered, and not with what was asked for.

    `message` is its own, `reason` its short word, `retry_after_s` what it asks for, if it does.
    """

    def __init__(
        self, status: int, reason: str, message: str, retry_after_s: float | None = None
    ) -> None:
        super().__init__(f"{status} {reason}: {message}" if reason else f"{status}: {message}")
        self.status = status
        self.reason = reason
        self.message = message
        self.retry_after_s = retry_after_s

    @classmethod
    def read(cls, status: int, body: bytes, retry_after: str | None = None) -> ApiError:
        """Read an answer's body, which may be the page of a proxy as well as a Status."""
        text = body.decode("utf-8", "replace").strip()
        try:
            told: Any = json.loads(text)
        except ValueError:
            told = None
        if not isinstance(told, dict):
            first = next(iter(text.splitlines()), "")[:_LONGEST]
            return cls(status, "", first or "no reason given", _seconds(retry_after))
        return cls(
            status,
            str(told.get("reason") or ""),
            str(told.get("message") or "no reason given")[:_LONGEST],
            _seconds(retry_after) or _details_seconds(told),
        )

    @property
    def is_passing(self) -> bool:
        """Whether the same call may go well soon."""
        return self.status in _PASSING or (self.status == 409 and not self.is_existing)

    @property
    def is_existing(self) -> bool:
        """Whether an object of that name is there already."""
        return self.status == 409 and self.reason == "AlreadyExists"

    @property
    def is_quota(self) -> bool:
        """Whether the namespace's quota is used up, which passes."""
        return self.status == 403 and "exceeded quota" in self.message

    @property
    def is_of_rights(self) -> bool:
        """Whether we have no right to do it, as far as the API server knows.

        One that has just started knows no Role yet.
        """
        return self.status == 403 and " cannot " in self.message and " resource " in self.message

    @property
    def is_gone(self) -> bool:
        """Whether the resource version is too old to watch from, or to go on listing from."""
        return self.status == 410


def _seconds(text: str | None) -> float | None:
    try:
        return max(float(text), 0.0) if text else None
    except ValueError:
        return None  # a date: what is next is as good


def _details_seconds(told: dict[str, Any]) -> float | None:
    details = told.get("details")
    seconds = details.get("retryAfterSeconds") if isinstance(details, dict) else None
    return float(seconds) if isinstance(seconds, int) and seconds > 0 else None
