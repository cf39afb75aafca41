# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what is and what is wanted to the steps of one run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.plan import Step
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.chart import ChartRef, Kind
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.pending import Move, Stuck, Writer
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.release_inputs import Inputs, secrets_object
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.release_plan import (
    Deployed,
    assemble,
    check_layers,
    needs_upgrade,
    read_deployed,
    reason_of,
    record_step,
    recovery_step,
    release_step,
    secrets_step,
    value_changes,
    without_nulls,
)
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.release_state import (
    DIGEST_LABEL,
    LAYER_PREFIX,
    History,
    Revision,
)

INPUTS = Inputs("hub", "climate", ChartRef(Kind.PATH, "/c"), "a" * 64, {"memory": "4G"}, ("oauth",), "")
LAYERS = {LAYER_PREFIX + "oauth": "true"}
CHART = "jupyterhub-4.4.0"
AS_WANTED = Deployed(CHART, {"memory": "4G"})


def history(status: str = "deployed", number: int = 12, **labels: str) -> History:
    return History((Revision(number, status, "s", labels={**LAYERS, **labels}),))


def test_a_run_that_lacks_a_layer_stops_and_names_it() -> None:
    newest = Revision(1, "deployed", "s", labels={LAYER_PREFIX + "b": "true", LAYER_PREFIX + "a": "true"})
    with pytest.raises(HubError) as caught:
        check_layers(newest, ["c"], ["a"])
    assert caught.value.text() == (
        "E-HELM-11 This run lacks the values of b, which the release was made with. Seen: c; wanted: a, b. Nothing was "
        "changed. Do: set the variables of b again; or, to take them away on purpose, set z2jh_drop_layers to [b]."
    )


@pytest.mark.parametrize(
    ("layers", "dropped"), [(["a", "b"], []), (["a", "b", "c"], []), (["a"], ["b"]), ([], ["a", "b", "x"])]
)
def test_complete_layers_and_dropped_ones_pass(layers: list[str], dropped: list[str]) -> None:
    newest = Revision(1, "deployed", "s", labels={LAYER_PREFIX + "b": "true", LAYER_PREFIX + "a": "true"})
    check_layers(newest, layers, dropped)
    check_layers(None, layers, dropped)


def live(**data: str) -> dict[str, Any]:
    return {"kind": "Secret", "metadata": {"name": "hub-secrets", "uid": "1"}, "data": data}


def test_the_secret_of_the_layers() -> None:
    wanted = secrets_object("climate", {"a": "eins", "b": "zwei"})
    assert secrets_step(wanted, None) == Step(
        "create", "Secret/hub-secrets", {"data.a": (None, "<changed>"), "data.b": (None, "<changed>")}
    )
    assert secrets_step(wanted, live(a="ZWlucw==", b="endlaQ==")) is None
    assert secrets_step(wanted, live(a="ZWlucw==", c="eA==")) == Step(
        "update", "Secret/hub-secrets", {"data.b": (None, "<changed>"), "data.c": ("<hidden>", None)}
    )


def test_a_recovery_says_from_what_to_what() -> None:
    stuck = Stuck(Revision(13, "pending-upgrade", "s"), 1.0, Writer.DEAD, Revision(12, "deployed", "s"))
    state = ("13 pending-upgrade", "rolled back to 12")
    assert recovery_step("hub", stuck, Move.ROLLBACK) == Step("recover", "Release/hub", {"revision": state})
    state = ("13 pending-upgrade", "failed")
    assert recovery_step("hub", stuck, Move.MARK_FAILED) == Step("recover", "Release/hub", {"revision": state})


def test_a_first_install() -> None:
    assert release_step(INPUTS, History(), Deployed(), CHART, Move.PROCEED) == Step(
        "install", "Release/hub", {"revision": (None, 1), "chart": (None, CHART), "layers": ([], ["oauth"])}
    )


def test_an_upgrade_shows_chart_layers_and_values() -> None:
    deployed = Deployed("jupyterhub-3.3.8", {"memory": "2G", "token": "x", "gone": None})
    wanted = replace(INPUTS, layers=("https", "oauth"))
    assert release_step(wanted, history(), deployed, CHART, Move.PROCEED) == Step(
        "upgrade",
        "Release/hub",
        {
            "revision": (12, 13),
            "chart": ("jupyterhub-3.3.8", CHART),
            "layers": (["oauth"], ["https", "oauth"]),
            "values.memory": ("2G", "4G"),
            "values.token": ("<hidden>", None),
        },
    )


def test_a_rollback_takes_a_revision_of_its_own() -> None:
    step = release_step(INPUTS, history("pending-upgrade", 13), AS_WANTED, CHART, Move.ROLLBACK)
    assert step.fields == {"revision": (13, 15)}


def test_an_install_over_an_uninstalled_release_goes_on_counting() -> None:
    gone = History((Revision(4, "uninstalled", "s"),))
    step = release_step(INPUTS, gone, Deployed(), CHART, Move.PROCEED)
    assert (step.verb, step.fields["revision"]) == ("install", (4, 5))


def test_record_step() -> None:
    assert record_step("hub", 12) == Step("record", "Release/hub", {"proved": (None, "revision 12")})


def test_nulls_are_what_helm_forgets() -> None:
    assert without_nulls({"a": None, "b": {"c": None, "d": [None, 1]}}) == {"b": {"d": [None, 1]}}
    assert value_changes({"a": None}, {}) == {}


STEP = Step("update", "Deployment/hub")
PROVED = {DIGEST_LABEL: f"{INPUTS.digest}.12"}


@pytest.mark.parametrize(
    ("state", "deployed", "objects", "needed"),
    [
        pytest.param(History(), Deployed(), [], True, id="no-release"),
        pytest.param(history(), AS_WANTED, [STEP], True, id="an-object-differs"),
        pytest.param(history(**PROVED), AS_WANTED, [STEP], True, id="drift"),
        pytest.param(history("failed"), AS_WANTED, [], True, id="failed-is-tried-again"),
        pytest.param(history("failed", **PROVED), AS_WANTED, [], True, id="failed-although-once-proved"),
        pytest.param(history(), replace(AS_WANTED, chart="jupyterhub-3.3.8"), [], True, id="another-chart"),
        pytest.param(history(), replace(AS_WANTED, values={"memory": "2G"}), [], True, id="other-values"),
        pytest.param(history(), replace(AS_WANTED, values=None), [], True, id="no-values-recorded"),
        pytest.param(history(**{LAYER_PREFIX + "x": "true"}), AS_WANTED, [], True, id="other-layers"),
        pytest.param(history(), AS_WANTED, [], False, id="only-not-proved-yet"),
        pytest.param(history(**PROVED), replace(AS_WANTED, values={}), [], False, id="proved-with-these-very-inputs"),
        pytest.param(history(), replace(AS_WANTED, values={"memory": "4G", "x": None}), [], False,
                     id="null-is-nothing"),
    ],
)  # fmt: skip
def test_whether_helm_has_anything_to_do(state: History, deployed: Deployed, objects: list[Step], needed: bool) -> None:
    assert needs_upgrade(INPUTS, state, deployed, CHART, objects) is needed


def test_before_and_after_come_from_the_steps() -> None:
    steps = [
        Step("create", "Secret/a", {"data.x": (None, "<changed>")}),
        Step("update", "Service/b", {"spec.x": (1, 2), "spec.y": (3, None)}),
        Step("delete", "Job/c"),
        Step("upgrade", "Release/hub", {"revision": (1, 2)}),
    ]
    plan = assemble(steps, "why")
    assert plan.diff == {
        "before": {"Service/b": {"spec.x": 1, "spec.y": 3}, "Job/c": {}, "Release/hub": {"revision": 1}},
        "after": {
            "Secret/a": {"data.x": "<changed>"},
            "Service/b": {"spec.x": 2, "spec.y": None},
            "Release/hub": {"revision": 2},
        },
    }
    assert (plan.steps, plan.reason, plan.summary()) == (tuple(steps), "why", "+1 ~1 -1")


@pytest.mark.parametrize(
    ("verbs", "reason"),
    [
        ([], "the release is as wanted"),
        (["recover", "upgrade"], "a writer left the release half done"),
        (["create", "install"], "there is no such release yet"),
        (["record"], "the release is as wanted, but has not been proved to serve yet"),
        (["update", "upgrade"], "the release differs from what is wanted"),
        (["update", "record"], "the release differs from what is wanted"),
        (["delete", "uninstall"], "the release goes away"),
        (["delete"], "the release goes away"),
    ],
)
def test_reasons(verbs: list[str], reason: str) -> None:
    assert reason_of([Step(verb, "x") for verb in verbs]) == reason


def test_what_a_record_says_about_the_deployed_release() -> None:
    metadata = {"name": "jupyterhub", "version": "4.4.0"}
    release = {"chart": {"metadata": metadata}, "config": {"a": 1}, "apply_method": "ssa"}
    assert read_deployed(release) == Deployed(CHART, {"a": 1}, client_side=False)
    assert read_deployed({"config": None}) == Deployed("?-?", {}, client_side=True)
