"""Every executor that is wrong on purpose is caught by the case meant for it, and there is no case
that nothing wrong could fail."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from airflow_lite.plugins.discovery.locate import Located
from airflow_lite_testing.case import cases_of
from airflow_lite_testing.certificate import certify
from airflow_lite_testing.conformance import ExecutorConformance
from airflow_lite_testing.mutants.base import mutants

MUTANTS = {mutant.path: mutant for mutant in sorted(mutants())}
#: Each waits most of the time for what does not come.
AT_ONCE = 4
LOOKS = 3


@pytest.fixture(scope="module")
def verdicts(request):
    """Hold every mutant that is selected to its case, some at a time."""
    callspecs = (getattr(item, "callspec", None) for item in request.session.items)
    paths = [found.params["path"] for found in callspecs if found and "path" in found.params]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        certificates = pool.map(certificate, [path for path in paths if path in MUTANTS])
        return dict(certificates)


def certificate(path):
    """Look until the case fails: what a mutant does too late, a busy machine may hide once."""
    located = Located(path.rpartition(":")[2], path)
    mutant = MUTANTS[path]
    for _ in range(LOOKS):
        found = certify(located, cases=[mutant.case], engine=mutant.engine, wait_s=5.0)
        if not found.conforms:
            break
    return path, found


@pytest.mark.parametrize("path", MUTANTS)
def test_mutant_is_caught_by_its_case(path, verdicts):
    (result,) = verdicts[path].cases
    assert result.result == "failed", result
    assert not result.reason.startswith(("in the ", "the kit's process")), result
    assert not verdicts[path].conforms


def test_there_is_a_mutant_for_every_case():
    assert {mutant.case for mutant in MUTANTS.values()} == set(cases_of(ExecutorConformance))
