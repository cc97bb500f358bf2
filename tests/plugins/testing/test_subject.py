from __future__ import annotations

import pytest

from airflow_lite.errors import UserError
from airflow_lite_testing import needs
from airflow_lite_testing.reference_executor import ReferenceExecutor
from airflow_lite_testing.subject import subject_of

PATH = "airflow_lite_testing.reference_executor:ReferenceExecutor"


def make():
    return ReferenceExecutor(4)


@pytest.mark.parametrize("given", [PATH, PATH.replace(":", "."), ReferenceExecutor])
def test_an_executor_is_named_by_path_or_class(given):
    subject = subject_of(given)
    assert subject.type is ReferenceExecutor
    assert subject.path == PATH
    assert not subject.is_named
    assert isinstance(subject.make(), ReferenceExecutor)


@pytest.mark.parametrize("given", [make, staticmethod(make)])
def test_a_factory_is_called_for_each_executor(given):
    subject = subject_of(given)
    assert subject.type is ReferenceExecutor
    assert subject.make().parallelism == 4
    assert subject.make() is not subject.make()
    assert "by name" in str(needs.module_of_its_own(subject))


def test_an_entry_points_name_is_looked_up():
    subject = subject_of("SequentialExecutor")
    assert subject.is_named
    assert subject.type.__name__ == "SequentialExecutor"


def test_a_class_inside_a_function_has_no_path():
    class Hidden(ReferenceExecutor):
        pass

    assert subject_of(Hidden).path is None


@pytest.mark.parametrize("given", [dict, 7])
def test_what_is_no_executor_is_refused(given):
    with pytest.raises(TypeError, match="executor is 7|not a subclass"):
        subject_of(given)


def test_a_name_that_leads_nowhere_says_so():
    with pytest.raises(UserError, match="no module 'no_such_package'"):
        subject_of("no_such_package.executor:None")


def test_needs_follow_the_flags():
    class Single(ReferenceExecutor):
        is_single_threaded = True

    class InProcess(ReferenceExecutor):
        runs_in_process = True

    reference, single, in_process = map(subject_of, (ReferenceExecutor, Single, InProcess))
    assert needs.several_at_once(reference) is None
    assert "is_single_threaded" in str(needs.several_at_once(single))
    assert needs.own_thread(single) is None
    assert "runs_in_process" in str(needs.own_thread(in_process))
    assert "runs_in_process" in str(needs.local(in_process))
    assert needs.overrides("revoke_task")(reference) is None
    assert "does not define get_task_log" in str(needs.overrides("get_task_log")(reference))
    assert "Engine" in str(needs.engine(reference))
