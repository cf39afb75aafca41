# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose server it is, how its start is watched, and what cleaning up does: without any network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.budget import Budget
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import Changed, HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.poll import State, Verdict
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.progress import Reporter
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.transport import HttpError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub import userserver
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.kernel import Cell
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.userpod import UserPod
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.userserver import (
    UserServer,
    judge_end,
    judge_start,
)
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import FakeClock, fails

READY: dict[str, Any] = {"ready": True, "url": "/user/ada/"}


def answer(scripted: Any) -> Any:
    """What a script holds: raised where it is an error."""
    if isinstance(scripted, Exception):
        raise scripted
    return scripted


class ScriptedHub:
    """A hub whose answers are written down; what it is asked is remembered."""

    hub_url = "https://hub.example.org/"

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.states: list[Any] = [None, READY]
        self.start_error: Exception | None = None
        self.stop_error: Exception | None = None
        self.events: list[Any] = [{"ready": True}]

    def user(self, name: str) -> dict[str, Any]:
        self.calls.append("look")
        state = answer(self.states.pop(0) if len(self.states) > 1 else self.states[0])
        return {"servers": {"": state} if state else {}}

    def start(self, name: str) -> None:
        self.calls.append("start")
        if self.start_error is not None:
            raise self.start_error

    def stop(self, name: str) -> None:
        self.calls.append("stop")
        if self.stop_error is not None:
            raise self.stop_error

    def progress(self, name: str) -> Iterator[dict[str, Any]]:
        self.calls.append("progress")
        for event in self.events:
            yield answer(event)


class ScriptedKernel:
    """Runs nothing and remembers what it should have run."""

    def __init__(self, *_settings: Any) -> None:
        self.ran: list[str] = []
        self.result: Cell | HubError = Cell(value="42", replied=True, idle=True)
        self.closed = False

    def run(self, code: str) -> Cell:
        self.ran.append(code)
        return answer(self.result)

    def close(self) -> None:
        self.closed = True


class ScriptedServer:
    """The REST API of a user server that always works; `broken` names the call that does not."""

    broken = ""
    opened: list[str]
    ended: list[str]

    def __init__(self, _credentials: Any, url: str) -> None:
        type(self).opened.append(url)

    def open(self) -> None:
        if self.broken == "open":
            raise HubError("E-VERIFY-06", "It does not open", "look")

    def python_kernel(self) -> str:
        return "python3"

    def start_kernel(self, name: str) -> str:
        return "k-1"

    def end_kernel(self, kernel_id: str) -> None:
        if self.broken == "end":
            raise HubError("E-VERIFY-06", "It does not end", "look")
        type(self).ended.append(kernel_id)

    def channels(self, kernel_id: str, session: str) -> tuple[str, dict[str, str]]:
        return "wss://x", {}


class ScriptedPods:
    """A sequence of what the cluster shows."""

    namespace = "hub"

    def __init__(self, *sights: list[UserPod] | HubError) -> None:
        self.sights = list(sights)
        self.said: list[str] | HubError = []

    def of(self, user: str) -> list[UserPod]:
        return answer(self.sights.pop(0) if len(self.sights) > 1 else self.sights[0])

    def hints(self, user: str) -> list[str]:
        return answer(self.said)


class Stage:
    """A user server with everything around it scripted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = FakeClock()
        self.hub = ScriptedHub()
        self.pods: ScriptedPods | None = None
        self.kernel = ScriptedKernel()
        self.reporter = Reporter("hub", "verify", self.clock)
        self.api = type("Api", (ScriptedServer,), {"opened": [], "ended": []})
        monkeypatch.setattr(userserver, "ServerApi", self.api)
        monkeypatch.setattr(userserver, "Kernel", lambda *_settings: self.kernel)
        self.budget = Budget(self.clock, 120.0, lambda: HubError("E-VERIFY-14", "The time is over", "wait"))

    def server(self) -> UserServer:
        hub: Any = self.hub
        pods: Any = self.pods
        credentials: Any = type("As", (), {"http": type("Http", (), {"context": None})()})()
        return UserServer(hub, credentials, "ada", pods=pods, budget=self.budget, reporter=self.reporter)

    def started(self) -> UserServer:
        server = self.server()
        server.start()
        return server


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(monkeypatch)


def pod(uid: str) -> UserPod:
    return UserPod("jupyter-ada", uid, "lab:1", "lab@sha256:aa", "node-1")


# ---- whose server it is -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "state",
    [
        READY,
        {"ready": False, "pending": "spawn"},
        {"stopped": True, "pending": "spawn"},
    ],
    ids=["running", "starting", "about to start"],
)
def test_a_server_that_is_there_in_any_way_is_not_ours(stage: Stage, state: dict[str, Any]) -> None:
    stage.hub.states = [state, READY]
    server = stage.started()
    assert (server.was_running, server.started) == (True, False)
    assert "start" not in stage.hub.calls
    server.clean_up()
    assert "stop" not in stage.hub.calls


def test_a_server_that_ends_is_waited_for_and_then_started(stage: Stage) -> None:
    """A test that was killed while it stopped its server leaves one that the hub would neither use nor start."""
    stage.hub.states = [{"ready": False, "pending": "stop"}, {"ready": False, "pending": "stop"}, None, READY]
    server = stage.started()
    assert (server.was_running, server.started) == (False, True)
    assert stage.hub.calls == ["look", "look", "look", "start", "progress", "look"]
    assert stage.clock.slept == [1.0, 1.0]


def test_a_server_that_never_ends_is_told_as_that(stage: Stage) -> None:
    stage.hub.states = [{"ready": False, "pending": "stop"}]
    error = fails("E-VERIFY-10", stage.server().start)
    assert (error.seen, stage.hub.calls.count("start")) == ("the hub says stop", 0)


def test_a_server_that_we_asked_for_is_ours(stage: Stage) -> None:
    server = stage.started()
    assert (server.was_running, server.started) == (False, True)
    assert stage.hub.calls == ["look", "start", "progress", "look"]
    assert stage.api.opened == ["https://hub.example.org/user/ada/"]


@pytest.mark.parametrize(
    ("error", "ours"),
    [
        (HubError("E-VERIFY-06", "no", "x", details={"status": 400}), False),
        (HubError("E-VERIFY-06", "no", "x", details={"status": 403}), False),
        (HttpError("E-HTTP-01", "lost", "x", kind="timeout"), True),
        (HttpError("E-HTTP-01", "lost", "x", kind="connect"), True),
    ],
    ids=["400", "403", "answer lost", "connection lost"],
)
def test_a_start_without_a_good_answer(stage: Stage, error: HubError, ours: bool) -> None:
    stage.hub.start_error = error
    server = stage.server()
    fails(error.error_id, server.start)
    assert server.started is ours
    server.clean_up()
    assert ("stop" in stage.hub.calls) is ours


def test_a_start_that_uses_up_all_time_is_ours_and_told_as_not_started(stage: Stage) -> None:
    stage.hub.start_error = HubError("E-VERIFY-14", "The time is over", "wait")
    server = stage.server()
    error = fails("E-VERIFY-07", server.start)
    assert error.what == "The server of ada did not start: it is not up, and the 120 s for the whole test are over"
    assert server.started
    assert stage.budget.left() == 120.0


def test_a_start_that_breaks_in_the_hub_is_explained_by_its_progress(stage: Stage) -> None:
    stage.hub.start_error = HubError("E-VERIFY-06", "500", "x", details={"status": 500})
    stage.hub.events = [{"failed": True, "message": "Spawn failed: no such image"}]
    assert fails("E-VERIFY-07", stage.server().start).seen == "Spawn failed: no such image"


@pytest.mark.parametrize(
    "said",
    [
        'violates PodSecurity "baseline:latest": privileged (container "block-cloud-metadata" must not set ...)',
        "GKE Warden rejected the request: container block-cloud-metadata is privileged; not allowed in Autopilot",
    ],
    ids=["Pod Security", "Autopilot"],
)
def test_a_cluster_without_privileged_containers_gets_its_own_cure(stage: Stage, said: str) -> None:
    stage.hub.events = [{"failed": True, "message": f"Spawn failed: {said}"}]
    assert "blockWithIptables: false" in fails("E-VERIFY-07", stage.server().start).do


# ---- watching the start -----------------------------------------------------------------------------------------


def test_only_the_last_events_are_told(stage: Stage) -> None:
    stage.hub.events = [{"message": f"step {number}"} for number in range(9)] + [{"failed": True, "message": "gave up"}]
    error = fails("E-VERIFY-07", stage.server().start)
    assert error.seen == "step 5; step 6; step 7; step 8; gave up"
    assert error.details["events"] == ["step 5", "step 6", "step 7", "step 8", "gave up"]


def test_events_of_the_pod_are_added_and_repetitions_dropped(stage: Stage) -> None:
    stage.pods = ScriptedPods([])
    stage.pods.said = ["gave up", "FailedMount: no such claim"]
    stage.hub.events = [{"failed": True, "message": "gave up"}]
    assert fails("E-VERIFY-07", stage.server().start).seen == "gave up; FailedMount: no such claim"


def test_events_that_may_not_be_read_do_not_hide_the_cause(stage: Stage) -> None:
    stage.pods = ScriptedPods([])
    stage.pods.said = HubError("E-K8S-04", "forbidden", "ask")
    stage.hub.events = [{"failed": True, "message": "gave up"}]
    error = fails("E-VERIFY-07", stage.server().start)
    assert error.seen == "gave up; (the pod's events could not be read: E-K8S-04)"


def test_a_stream_that_breaks_off_is_replaced_by_looking(stage: Stage) -> None:
    stage.hub.events = [{"message": "pulling"}, HttpError("E-HTTP-01", "broken", "x", kind="connect", reason="reset")]
    stage.hub.states = [None, {"pending": "spawn"}, {"pending": "spawn"}, READY]
    server = stage.started()
    assert server.started and stage.clock.slept == [2.0, 2.0]
    told = [line["text"] for line in stage.reporter.transitions]
    assert told[0] == "no progress stream (reset); looking at the server's state instead"
    assert told[1] == "waiting: server of ada: the hub says spawn; 0 s of at most 115 s"


def test_a_server_that_vanishes_while_it_starts(stage: Stage) -> None:
    stage.hub.events = []
    stage.hub.states = [None, {"pending": "spawn"}, None]
    assert fails("E-VERIFY-07", stage.server().start).what.endswith("did not start: the hub gave up on it")


def test_a_start_without_end_stops_at_the_budget(stage: Stage) -> None:
    stage.hub.events = []
    stage.hub.states = [None, {"pending": "spawn"}]
    fails("E-VERIFY-07", stage.server().start)
    assert 110.0 <= stage.clock.passed <= 120.0


@pytest.mark.parametrize(
    ("server", "verdict"),
    [
        (None, Verdict(State.FATAL, "the hub gave up on it")),
        ({"ready": True}, Verdict(State.DONE, "ready")),
        ({"ready": False, "pending": "spawn"}, Verdict(State.PENDING, "the hub says spawn")),
        ({"ready": False, "pending": None}, Verdict(State.PENDING, "the hub says not ready")),
        ({}, Verdict(State.PENDING, "the hub says not ready")),
    ],
)
def test_judging_a_start(server: dict[str, Any] | None, verdict: Verdict) -> None:
    assert judge_start(server) == verdict


# ---- the pod ----------------------------------------------------------------------------------------------------


def test_the_pod_of_the_second_start_is_the_new_one(stage: Stage) -> None:
    stage.pods = ScriptedPods([pod("u1")], [pod("u1"), pod("u2")])
    stage.hub.states = [None, READY, None, READY]
    server = stage.started()
    assert server.pod == pod("u1")
    server.start()
    assert server.pod == pod("u2")


def test_a_pod_that_is_not_found_is_no_error(stage: Stage) -> None:
    stage.pods = ScriptedPods([])
    assert stage.started().pod is None


# ---- using ------------------------------------------------------------------------------------------------------


def test_a_cell_that_raises_is_an_error(stage: Stage) -> None:
    server = stage.started()
    stage.kernel.result = Cell(error="OSError: [Errno 28] No space left on device", replied=True, idle=True)
    error = fails("E-VERIFY-08", lambda: server.cell("write()"))
    assert error.seen == "OSError: [Errno 28] No space left on device"


def test_a_cell_without_a_kernel_is_our_own_mistake(stage: Stage) -> None:
    with pytest.raises(RuntimeError, match="no kernel is open"):
        stage.server().cell("6*7")


def test_the_kernel_is_ended_once(stage: Stage) -> None:
    server = stage.started()
    server.end_kernel()
    server.end_kernel()
    assert stage.kernel.closed and stage.api.ended == ["k-1"]


# ---- stopping ---------------------------------------------------------------------------------------------------


def test_a_stop_waits_for_hub_and_pod(stage: Stage) -> None:
    stage.pods = ScriptedPods([pod("u1")], [pod("u1")], [])
    stage.hub.states = [None, READY, {"pending": "stop"}, None]
    server = stage.started()
    assert server.stop() == "hub and cluster agree"
    assert not server.started
    told = [line["text"] for line in stage.reporter.transitions]
    assert "waiting: end of the server of ada: the hub says stop; 0 s of at most 115 s" in told
    assert "waiting: end of the server of ada: pod jupyter-ada is still there; 1 s of at most 115 s" in told


def test_another_pod_of_the_user_does_not_delay_the_stop(stage: Stage) -> None:
    stage.pods = ScriptedPods([pod("u1")], [pod("u2")])
    stage.hub.states = [None, READY, None]
    assert stage.started().stop() == "hub and cluster agree"


def test_an_api_server_that_is_away_for_a_moment_does_not_fail_a_healthy_hub(stage: Stage) -> None:
    gone = HubError("E-K8S-02", "The API server cannot be reached: connection refused", "check the address")
    stage.pods = ScriptedPods([pod("u1")], gone, gone, [])
    stage.hub.states = [None, READY, None]
    assert stage.started().stop() == "hub and cluster agree"


def test_without_the_cluster_the_hubs_word_counts(stage: Stage) -> None:
    stage.hub.states = [None, READY, None]
    assert stage.started().stop() == "the hub says so"


def test_a_server_that_stays_is_told_and_still_ours(stage: Stage) -> None:
    stage.hub.states = [None, READY]
    server = stage.started()
    error = fails("E-VERIFY-10", server.stop)
    assert (error.seen, error.wanted) == ("the hub says running", "neither server nor pod after 115 s")
    assert server.started


@pytest.mark.parametrize(("remains", "state"), [("", State.DONE), ("pod x is still there", State.PENDING)])
def test_judging_an_end(remains: str, state: State) -> None:
    assert judge_end(remains) == Verdict(state, remains)


RUNS = READY | {"started": "2026-11-27T13:00:00Z"}


@pytest.mark.parametrize(
    ("before", "now", "taken"),
    [
        pytest.param(RUNS, RUNS, False, id="it runs on"),
        pytest.param(RUNS, None, True, id="stopped"),
        pytest.param(RUNS, RUNS | {"pending": "stop"}, True, id="ending"),
        pytest.param(RUNS, RUNS | {"started": "2026-11-27T13:00:09Z"}, True, id="stopped and started anew"),
        pytest.param(RUNS, HubError("E-VERIFY-06", "no", "x"), False, id="nobody can tell"),
        pytest.param(READY, None, False, id="a hub that does not tell since when"),
        pytest.param(None, None, False, id="our own"),
    ],
)
def test_a_server_of_somebody_else_may_be_stopped_by_somebody_else(
    stage: Stage, before: Any, now: Any, taken: bool
) -> None:
    """Of two people who run site.yml at one moment, the first one stops the server that the second one uses, too."""
    stage.hub.states = [before, before or RUNS, now]
    assert stage.started().taken_away() is taken


# ---- cleaning up ------------------------------------------------------------------------------------------------


def test_nothing_started_is_nothing_to_clean(stage: Stage) -> None:
    assert stage.server().clean_up("rm") is Changed.NOTHING
    assert stage.hub.calls == []


def test_cleaning_up_removes_the_file_then_kernel_then_server(stage: Stage) -> None:
    server = stage.started()
    assert server.clean_up("rm") is Changed.NOTHING
    assert (stage.kernel.ran, stage.api.ended, stage.hub.calls[-1]) == (["rm"], ["k-1"], "stop")


def test_cleaning_up_twice_does_it_once(stage: Stage) -> None:
    server = stage.started()
    server.clean_up()
    server.clean_up()
    assert stage.hub.calls.count("stop") == 1 and stage.api.ended == ["k-1"]


def test_a_server_that_is_not_ours_loses_only_our_kernel_and_file(stage: Stage) -> None:
    stage.hub.states = [READY]
    server = stage.started()
    assert server.clean_up("rm") is Changed.NOTHING
    assert (stage.kernel.ran, stage.api.ended) == (["rm"], ["k-1"]) and "stop" not in stage.hub.calls


def test_a_dead_kernel_does_not_keep_the_server_from_being_stopped(stage: Stage) -> None:
    server = stage.started()
    stage.kernel.result = HubError("E-VERIFY-08", "dead", "x")
    stage.api.broken = "end"
    assert server.clean_up("rm") is Changed.NOTHING
    assert stage.hub.calls[-1] == "stop"


def test_a_stop_that_fails_is_not_hidden(stage: Stage) -> None:
    server = stage.started()
    stage.hub.stop_error = HttpError("E-HTTP-01", "lost", "x")
    assert server.clean_up() is Changed.UNKNOWN


def test_cleaning_up_has_time_of_its_own(stage: Stage) -> None:
    server = stage.started()
    stage.clock.sleep(500.0)
    assert server.clean_up() is Changed.NOTHING
    assert stage.budget.left() == 60.0


def test_a_page_that_does_not_open_leaves_a_server_to_stop(stage: Stage) -> None:
    stage.api.broken = "open"
    server = stage.server()
    fails("E-VERIFY-06", server.start)
    server.clean_up("rm")
    assert (stage.hub.calls[-1], stage.kernel.ran) == ("stop", [])
