"""Faults of a real cluster in the middle of tasks: every run ends right, and no try runs twice."""

from __future__ import annotations

from pathlib import Path

from fixtures.faulty_cluster import (
    LARGE,
    NAMESPACE,
    TASKS,
    USER,
    compact,
    grant,
    said,
    write_token,
)
from fixtures.waits import lasting, wait_until

#: Longer than any single time-out or retry of the executor's.
API_SERVER_AWAY_S = 30.0


def test_tasks_end_and_begin_around_an_api_server_that_was_killed(whole, scheduler):
    whole.trigger("killed")
    whole.wait_for_starts("killed")
    before = len(scheduler.output())
    with lasting(API_SERVER_AWAY_S):
        whole.cluster.kill("apiserver")
        whole.open("killed")
        whole.wait_for_success("killed")
        whole.trigger("meanwhile")
        whole.open("meanwhile")
        said(scheduler, "pods cannot be made now", before)
    assert not whole.noted("starts", "meanwhile")
    whole.cluster.heal()
    whole.check("killed")
    whole.check("meanwhile")


def test_tasks_survive_a_node_that_is_lost_for_a_while(whole):
    whole.trigger("node")
    whole.wait_for_starts("node")
    whole.cluster.stop("kubelet")
    wait_until(lambda: not whole.cluster.node.node_ready(), "a lost node")
    whole.open("node")
    whole.wait_for_success("node")
    whole.cluster.resume("kubelet")
    whole.check("node")


def test_a_pod_deleted_while_it_waits_costs_no_try(whole):
    whole.cluster.stop("kubelet")
    whole.trigger("pending")
    wait_until(lambda: len(whole.pods("pending")) == TASKS, "pods that wait")
    before = whole.pods("pending")["t0"]
    whole.delete_by_hand("pending")
    wait_until(lambda: whole.pods("pending").get("t0", before) != before, "another pod")
    whole.cluster.resume("kubelet")
    whole.open("pending")
    whole.check("pending")


def test_a_pod_deleted_while_it_runs_costs_its_try_alone(whole):
    whole.trigger("running")
    whole.wait_for_starts("running")
    whole.delete_by_hand("running")
    wait_until(lambda: whole.noted("starts", "running")["t0 2"], "a second try")
    whole.open("running")
    whole.check("running", tries={"t0 2"})


def test_a_pod_deleted_at_its_end_changes_nothing(whole):
    whole.trigger("end")
    whole.wait_for_starts("end")
    name = whole.pods("end")["t0"]
    whole.open("end")
    wait_until(lambda: whole.states("end")["t0"] == "success", "the end of a task")
    words = ("delete", "pod", name, "-n", NAMESPACE, "--ignore-not-found")
    whole.cluster.kubectl(*words, "--grace-period=0", "--force")
    whole.check("end")


def test_a_container_that_was_killed_costs_its_try_alone(whole):
    whole.trigger("container")
    whole.wait_for_starts("container")
    whole.kill_container("container")
    wait_until(lambda: whole.noted("starts", "container")["t0 2"], "a second try")
    whole.open("container")
    whole.check("container", tries={"t0 2"})
    assert "was killed (SIGKILL" in "".join(whole.causes("container"))


def test_a_pod_that_makes_way_for_a_higher_priority_is_tried_again(whole):
    whole.cluster.apply(
        {
            "apiVersion": "scheduling.k8s.io/v1",
            "kind": "PriorityClass",
            "metadata": {"name": "high"},
            "value": 1000,
        }
    )
    whole.trigger("preempted", "large")
    whole.wait_for_starts("preempted", 1)
    requests = {"requests": {"cpu": LARGE}}
    container = {"name": "box", "image": "localhost/pause:1", "resources": requests}
    spec = {"priorityClassName": "high", "containers": [container]}
    metadata = {"name": "important", "namespace": NAMESPACE}
    whole.cluster.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    wait_until(lambda: has_lost(whole, "preempted", "large"), "the end of the first try")
    words = ("delete", "pod", "important", "-n", NAMESPACE, "--grace-period=0", "--force")
    whole.cluster.kubectl(*words)
    whole.open("preempted")
    whole.check("preempted", "large", tries={"t0 2"})


def has_lost(faulty, run, dag):
    """Whether a first try has ended as no task does."""
    return faulty.states(run, dag)["t0"] in {"up_for_retry", "scheduled", "queued"}


def test_a_watch_whose_past_is_compacted_away_begins_anew(whole):
    whole.cluster.restart("apiserver", "--watch-cache-sizes=pods#0")
    whole.trigger("compacted")
    whole.wait_for_starts("compacted")
    whole.cluster.stop("relay")  # the watch hears nothing of what follows
    whole.open("compacted")
    whole.wait_for_success("compacted")
    compact(whole.cluster)
    whole.cluster.restart("relay")
    whole.check("compacted")


def test_a_storm_of_429_slows_down_and_no_more(whole):
    flags = ("max-requests-inflight=1", "max-mutating-requests-inflight=1")
    fairness = "--enable-priority-and-fairness=false"
    whole.cluster.restart("apiserver", fairness, *(f"--{flag}" for flag in flags))
    whole.open("storm")
    whole.trigger("storm")
    whole.wait_for_success("storm")
    whole.cluster.restart("apiserver")
    whole.check("storm")


def test_a_quota_of_one_runs_one_after_the_other_and_is_told_once(whole, scheduler):
    before = len(scheduler.output())
    whole.cluster.kubectl("-n", NAMESPACE, "create", "quota", "one", "--hard=pods=1")
    quota = ("-n", NAMESPACE, "quota", "one")
    # Once the cluster has seen that the pods before are gone: its watches had an API server less.
    none_used = {"pods": "0"}
    wait_until(lambda: whole.cluster.get(*quota)["status"].get("used") == none_used, "a quota")
    whole.trigger("quota")
    whole.wait_for_starts("quota", 1)
    said(scheduler, "the quota is used up", before)
    assert len(whole.noted("starts", "quota")) == 1
    assert scheduler.output()[before:].count("the quota is used up") == 1
    whole.open("quota")
    whole.check("quota")


def test_rights_taken_away_stop_no_task_and_are_told_with_each_new_try(whole):
    whole.trigger("rights")
    whole.wait_for_starts("rights")
    whole.cluster.kubectl("-n", NAMESPACE, "delete", "rolebinding", "faults")
    whole.trigger("refused", "once")
    wait_until(lambda: whole.states("refused", "once") == {"t0": "failed"}, "a refused try")
    assert "does not let the executor make pods in 'faults'" in "".join(
        whole.causes("refused", "once")
    )
    whole.open("rights")
    whole.wait_for_success("rights")
    grant(whole.cluster)
    whole.check("rights")


def test_a_token_that_expired_is_read_anew_from_its_file(whole, scheduler):
    whole.trigger("expired")
    whole.wait_for_starts("expired")
    before = len(scheduler.output())
    whole.cluster.take_token_away(USER)
    whole.open("expired")
    whole.wait_for_success("expired")
    whole.open("renewed")
    whole.trigger("renewed")
    said(scheduler, "pods cannot be made now", before)
    whole.cluster.new_user(USER)
    write_token(whole.cluster, whole.home)
    whole.check("expired")
    whole.check("renewed")


def test_pods_cut_off_from_the_database_record_their_tasks_later(whole, scheduler):
    whole.trigger("store")
    whole.wait_for_starts("store")
    # It counts nothing as lost meanwhile, however slow the machine is.
    with whole.resting(scheduler):
        whole.cut_store()
        whole.open("store")
        wait_until(lambda: len(whole.noted("ends", "store")) == TASKS, "the end of the tasks' code")
        whole.join_store()
        whole.wait_for_success("store")
    whole.check("store")


def test_tries_cut_off_until_they_count_as_lost_are_made_anew_and_end_no_more(whole):
    whole.trigger("lost")
    whole.wait_for_starts("lost")
    whole.cut_store()
    whole.open("lost")
    wait_until(lambda: len(whole.noted("ends", "lost")) == TASKS, "the end of the tasks' code")
    wait_until(lambda: "running" not in whole.states("lost").values(), "all to count as lost")
    assert "success" not in whole.states("lost").values()
    whole.join_store()
    whole.check(
        "lost",
        tries={f"t{number} 2" for number in range(TASKS)},
        ended={f"t{number} 1" for number in range(TASKS)},
    )
    assert "".join(whole.causes("lost")).count("no beat for") == TASKS


def test_a_scheduler_killed_in_the_midst_leaves_its_pods_to_the_next(faulty, scheduler):
    """The last: it ends the scheduler of the others."""
    faulty.trigger("adopted")
    faulty.wait_for_starts("adopted")
    scheduler.kill()
    faulty.open("adopted")
    wait_until(lambda: len(faulty.noted("ends", "adopted")) == TASKS, "the tasks' end")
    with faulty.home.scheduler("KubernetesExecutor"):
        faulty.check("adopted")
        assert Path(faulty.shared, "starts").read_text().count("adopted ") == TASKS
