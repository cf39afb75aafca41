# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What to do about a release that somebody left half done: the whole table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.pending import (
    Move,
    Policy,
    Stuck,
    Writer,
    decide,
    is_busy,
    pending_error,
    stuck,
)
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.release_state import History, Revision

SINCE = datetime(2026, 11, 22, 14, 2, tzinfo=UTC)
LAST = Revision(12, "deployed", "s12")
MAX_AGE = 900.0
YOUNG, OLD = 60.0, 2820.0


def facts(
    status: str = "pending-upgrade", age: float | None = OLD, writer: Writer = Writer.UNKNOWN, back: bool = True
) -> Stuck:
    return Stuck(Revision(13, status, "s13", since=SINCE), age, writer, LAST if back else None)


@pytest.mark.parametrize(
    ("found", "policy", "move"),
    [
        pytest.param(facts(), Policy.FAIL, Move.REFUSE, id="fail-never-acts"),
        pytest.param(facts(writer=Writer.DEAD), Policy.FAIL, Move.REFUSE, id="fail-not-even-after-a-dead-writer"),
        pytest.param(facts(age=YOUNG), Policy.WAIT, Move.WAIT, id="wait-young"),
        pytest.param(facts(writer=Writer.DEAD), Policy.WAIT, Move.WAIT, id="wait-old"),
        pytest.param(facts(age=YOUNG), Policy.ROLLBACK, Move.REFUSE, id="unknown-and-young"),
        pytest.param(facts(age=MAX_AGE - 1), Policy.ROLLBACK, Move.REFUSE, id="unknown-just-young"),
        pytest.param(facts(age=None), Policy.ROLLBACK, Move.REFUSE, id="unknown-of-unknown-age"),
        pytest.param(facts(age=YOUNG), Policy.MARK_FAILED, Move.REFUSE, id="unknown-and-young-mark"),
        pytest.param(facts(age=MAX_AGE), Policy.ROLLBACK, Move.ROLLBACK, id="unknown-and-old"),
        pytest.param(facts(age=YOUNG, writer=Writer.DEAD), Policy.ROLLBACK, Move.ROLLBACK, id="dead-and-young"),
        pytest.param(facts(age=None, writer=Writer.DEAD), Policy.ROLLBACK, Move.ROLLBACK, id="dead-of-unknown-age"),
        pytest.param(facts("pending-rollback"), Policy.ROLLBACK, Move.ROLLBACK, id="rollback-of-a-rollback"),
        pytest.param(
            facts("pending-install", back=False), Policy.ROLLBACK, Move.MARK_FAILED, id="install-has-no-way-back"
        ),
        pytest.param(facts("pending-install"), Policy.ROLLBACK, Move.MARK_FAILED, id="install-after-an-uninstall"),
        pytest.param(facts("uninstalling"), Policy.ROLLBACK, Move.MARK_FAILED, id="uninstalling"),
        pytest.param(facts(back=False), Policy.ROLLBACK, Move.MARK_FAILED, id="nowhere-to-go-back-to"),
        pytest.param(facts(), Policy.MARK_FAILED, Move.MARK_FAILED, id="mark-old"),
        pytest.param(facts(age=YOUNG, writer=Writer.DEAD), Policy.MARK_FAILED, Move.MARK_FAILED, id="mark-dead"),
    ],
)
def test_decision(found: Stuck, policy: Policy, move: Move) -> None:
    assert decide(found, policy, MAX_AGE) is move


@pytest.mark.parametrize(
    ("status", "busy"),
    [
        ("pending-install", True),
        ("pending-upgrade", True),
        ("pending-rollback", True),
        ("uninstalling", True),
        ("deployed", False),
        ("failed", False),
        ("superseded", False),
        ("uninstalled", False),
        ("unknown", False),
    ],
)
def test_busy(status: str, busy: bool) -> None:
    assert is_busy(History((Revision(1, status, "s1"),))) is busy


def test_no_release_is_not_busy() -> None:
    assert not is_busy(History())
    with pytest.raises(ValueError, match="not busy"):
        stuck(History(), Writer.DEAD, SINCE)


def test_the_facts() -> None:
    newest = Revision(13, "pending-upgrade", "s13", since=SINCE)
    history = History((newest, LAST))
    assert stuck(history, Writer.DEAD, SINCE + timedelta(seconds=5)) == Stuck(newest, 5.0, Writer.DEAD, LAST)
    assert stuck(history, Writer.DEAD, SINCE - timedelta(hours=1)).age == 0.0
    assert stuck(History((Revision(1, "pending-install", "s"),)), Writer.UNKNOWN, SINCE).age is None


@pytest.mark.parametrize(
    ("found", "policy", "text"),
    [
        pytest.param(
            facts(writer=Writer.DEAD), Policy.FAIL,
            "E-HELM-04 Release climate is pending-upgrade since 14:02 UTC (revision 13, 47 min, no writer alive). "
            "Homes and database are untouched. Nothing was changed. Do: run again with "
            "-e z2jh_pending_policy=rollback (goes to revision 12), or wait if a colleague is deploying.", id="dead"),
        pytest.param(
            facts(age=YOUNG), Policy.FAIL,
            "E-HELM-04 Release climate is pending-upgrade since 14:02 UTC (revision 13, 60 s, holder unknown). "
            "Homes and database are untouched. Nothing was changed. Do: run again with "
            "-e z2jh_pending_policy=rollback (goes to revision 12, once it is 15 min old), or wait if a "
            "colleague is deploying.", id="young"),
        pytest.param(
            facts("pending-install", back=False), Policy.WAIT,
            "E-HELM-04 Release climate is pending-install since 14:02 UTC (revision 13, 47 min, holder unknown). Homes "
            "and database are untouched. Nothing was changed. Do: run again with -e z2jh_pending_policy=rollback "
            "(marks it failed and upgrades), or wait if a colleague is deploying.", id="no-way-back"),
        pytest.param(
            facts(age=YOUNG), Policy.ROLLBACK,
            "E-HELM-04 Release climate is pending-upgrade since 14:02 UTC (revision 13, 60 s, holder unknown). "
            "Homes and database are untouched. Nothing was changed. Do: wait: pending_policy=rollback acts on a "
            "release of an unknown writer only after 15 min; if you know that nobody is deploying, run again with "
            "-e z2jh_pending_max_age=0.", id="asked-too-early"),
    ],
)  # fmt: skip
def test_the_message(found: Stuck, policy: Policy, text: str) -> None:
    assert pending_error("climate", found, policy, MAX_AGE).text() == text


def test_the_message_without_a_readable_time() -> None:
    found = Stuck(Revision(13, "pending-upgrade", "s13"), None, Writer.UNKNOWN, LAST)
    error = pending_error("climate", found, Policy.FAIL, MAX_AGE)
    assert error.what.startswith("Release climate is pending-upgrade (revision 13, holder unknown).")
    assert error.details == {"status": "pending-upgrade", "revision": 13, "age": None, "writer": "holder unknown"}


def test_one_that_is_just_old_enough_is_not_told_to_wait() -> None:
    assert "once it is" not in pending_error("climate", facts(age=MAX_AGE), Policy.FAIL, MAX_AGE).do
