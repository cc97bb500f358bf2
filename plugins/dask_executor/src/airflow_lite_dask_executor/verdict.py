"""The reasons of a worker for attempts that it did not run."""

from __future__ import annotations

#: Others in the same Dask task take long: it is to run elsewhere.
HANDED_BACK = "handed back"
#: It was claimed before, or is superseded, or this worker sees another database.
NOT_CLAIMED = "not claimed"


class NotRunError(RuntimeError):
    """A Dask worker did not run some of the attempts in a Dask task.

    `reasons` has one of each token: a constant of this module, or the `fault` for which the worker
    can run none at all.
    """

    def __init__(self, reasons: dict[str, str], worker: str = "", fault: str | None = None) -> None:
        super().__init__(reasons, worker, fault)  # so that it can be pickled
        self.reasons = reasons
        self.worker = worker
        self.fault = fault

    def __str__(self) -> str:
        return f"Dask worker {self.worker}: {'; '.join(dict.fromkeys(self.reasons.values()))}"
