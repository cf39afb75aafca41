# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine's clock keeps its three promises."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.clock import (
    ServerTime,
    SystemClock,
    parse_date,
    parse_time,
)
from ansible_collections.researchops.jupyterhub.tests.unit.fakes import START, FakeClock, WrongClock


def test_monotonic_never_goes_back_and_sleep_lets_time_pass() -> None:
    clock = SystemClock()
    before = clock.monotonic()
    clock.sleep(0.01)
    assert clock.monotonic() - before >= 0.01


def test_the_wall_clock_knows_its_zone() -> None:
    assert SystemClock().utcnow().utcoffset() == timedelta(0)


DATE = {"date": "Sun, 22 Nov 2026 14:00:00 GMT"}


@pytest.mark.parametrize(
    ("ahead", "remark"),
    [
        (0, ""),
        (300, ""),
        (-300, ""),
        (600, "this machine's clock is 600 s ahead"),
        (-600, "this machine's clock is 600 s behind"),
        (90 * 86400, "this machine's clock is 7776000 s ahead"),
        (-90 * 86400, "this machine's clock is 7776000 s behind"),
    ],
)
def test_a_servers_time_goes_on_from_its_last_date_whatever_our_clock_says(ahead: float, remark: str) -> None:
    clock = WrongClock(FakeClock(), ahead)
    server = ServerTime(clock)
    assert (server.now(), server.remark()) == (START + clock.ahead, "")
    server.hear(DATE)
    clock.sleep(90)
    assert (server.now(), server.remark()) == (START + timedelta(seconds=90), remark)
    assert [text.lower().partition(";")[0] for text in server.warnings()] == [remark] * bool(remark)
    clock.ahead += timedelta(hours=1)  # our clock is set while we wait
    assert server.now() == START + timedelta(seconds=90)


@pytest.mark.parametrize("text", [DATE["date"], "Sun, 22 Nov 2026 14:00:00", "Sun Nov 22 14:00:00 2026"])
def test_a_date_is_utc_in_every_form_of_http(text: str) -> None:
    assert parse_date(text) == START


@pytest.mark.parametrize("text", [None, "", "yesterday", 7])
def test_a_date_that_is_none_is_not_heard(text: object) -> None:
    assert parse_date(text) is None
    server = ServerTime(FakeClock())
    server.hear({"date": text} if isinstance(text, str) else {})
    assert server.now() == START


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-22T14:00:00Z", START),
        ("2026-11-22T06:00:00.000-08:00", START),
        ("2026-11-22T14:00:00.000000001Z", START),
        pytest.param("2026-11-22T14:00:00", START, id="UTC where nothing is said"),
        ("soon", None),
        ("", None),
        (None, None),
        (7, None),
    ],
)
def test_times_of_apis(text: object, moment: datetime | None) -> None:
    assert parse_time(text) == moment
