# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.callback import progress
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.progress import PROGRESS_VARIABLE


@pytest.fixture
def callback(monkeypatch: pytest.MonkeyPatch) -> Iterator[progress.CallbackModule]:
    monkeypatch.delenv(PROGRESS_VARIABLE, raising=False)
    made = progress.CallbackModule()
    yield made
    made._end()


def record(text: str, **more: Any) -> str:
    return json.dumps(
        {"at": "2026-11-22T10:00:00+00:00", "subject": "climate", "phase": "release", "text": text, **more}
    )


def task(role: str | None) -> Any:
    return SimpleNamespace(_role=SimpleNamespace(get_name=lambda: role) if role else None)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        pytest.param(
            {"subject": "climate", "phase": "front door", "text": "waiting"},
            "climate     front door   waiting",
            id="plain",
        ),
        pytest.param({"text": "no subject"}, "                         no subject", id="without subject and phase"),
        pytest.param(
            {"subject": "a", "phase": "b", "text": "\x1b[31mred\n\x07bell"},
            "a           b            [31mred bell",
            id="terminal codes",
        ),
        pytest.param(
            {"subject": "a", "phase": "b", "text": "x" * 500}, "a           b            " + "x" * 400, id="too long"
        ),
        pytest.param({"subject": "a", "phase": "b", "text": ""}, "", id="empty"),
        pytest.param({"subject": "a"}, "", id="no text"),
        pytest.param(["text"], "", id="not an object"),
    ],
)
def test_a_record_becomes_one_harmless_line(given: Any, shown: str) -> None:
    assert progress.line(given) == shown


def test_follower_hands_on_complete_lines_once(tmp_path: Path) -> None:
    path = tmp_path / "progress.jsonl"
    follower = progress.Follower(str(path))
    assert follower.new_lines() == []
    path.write_text(record("one") + "\n" + record("two")[:20])
    assert follower.new_lines() == ["climate     release      one"]
    with path.open("a") as stream:
        stream.write(record("two")[20:] + "\n{broken\n" + record("three") + "\n")
    assert follower.new_lines() == ["climate     release      two", "climate     release      three"]
    assert follower.new_lines() == []


def test_phases_add_up_per_role_and_leave_foreign_tasks_out() -> None:
    phases = progress.Phases()
    for role, now in (
        ("researchops.jupyterhub.hub_dns", 10.0),
        ("", 12.0),
        ("geerlingguy.docker", 20.0),
        ("researchops.jupyterhub.z2jh", 30.0),
        ("researchops.jupyterhub.hub_dns", 65.4),
        ("", 70.0),
    ):
        phases.switch(role, now)
    assert phases.seconds == pytest.approx({"hub_dns": 6.6, "z2jh": 35.4})
    assert phases.summary() == "phases      hub_dns 7 s, z2jh 35 s; together 42 s"


def test_no_role_of_ours_means_no_closing_line() -> None:
    assert progress.Phases().summary() == ""


def test_file_is_private_named_in_the_environment_and_gone_at_the_end(
    callback: progress.CallbackModule, capfd: pytest.CaptureFixture[str]
) -> None:
    callback.v2_playbook_on_start(None)
    path = Path(os.environ[PROGRESS_VARIABLE])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    path.write_text(record("waiting: hub") + "\n")
    callback.v2_playbook_on_stats(None)
    assert capfd.readouterr().out == "climate     release      waiting: hub\n"
    assert not path.parent.exists()
    assert PROGRESS_VARIABLE not in os.environ


def test_seconds_per_role_close_the_run(
    callback: progress.CallbackModule, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter([1.0, 4.0, 9.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(times))
    callback.v2_playbook_on_task_start(task("researchops.jupyterhub.z2jh"), False)
    callback.v2_playbook_on_handler_task_start(task(None))
    callback.v2_playbook_on_stats(None)
    assert capfd.readouterr().out == "phases      z2jh 3 s; together 3 s\n"


def test_every_playbook_of_a_command_is_followed_and_added_up_by_itself(
    callback: progress.CallbackModule, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = threading.Event()
    monkeypatch.setattr(callback, "_print", lambda lines: shown.set() if lines else None)
    monkeypatch.setattr(progress, "POLL_SECONDS", 0.01)
    for _playbook in range(2):
        callback.v2_playbook_on_start(None)
        callback.v2_playbook_on_task_start(task("researchops.jupyterhub.z2jh"), False)
        shown.clear()
        Path(os.environ[PROGRESS_VARIABLE]).write_text(record("waiting: hub") + "\n")
        assert shown.wait(10), "nobody follows this one"
        callback._phases.seconds["z2jh"] = callback._phases.seconds.get("z2jh", 0.0) + 60
        callback.v2_playbook_on_stats(None)
    assert 60 <= sum(callback._phases.seconds.values()) < 120, "the first one's minute was added to the second's"


def test_a_file_that_somebody_else_follows_is_left_alone(
    callback: progress.CallbackModule,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    theirs = tmp_path / "theirs"
    theirs.write_text(record("theirs") + "\n")
    monkeypatch.setenv(PROGRESS_VARIABLE, str(theirs))
    callback.v2_playbook_on_start(None)
    callback.v2_playbook_on_stats(None)
    assert (os.environ[PROGRESS_VARIABLE], theirs.exists(), capfd.readouterr().out) == (str(theirs), True, "")


def test_a_forked_worker_neither_ends_the_run_nor_removes_the_file(
    callback: progress.CallbackModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    callback.v2_playbook_on_start(None)
    path = Path(os.environ[PROGRESS_VARIABLE])
    with monkeypatch.context() as worker:
        worker.setattr(progress.os, "getpid", lambda: callback._owner + 1)
        callback._end()
    assert path.exists()
    assert not callback._over.is_set()


@pytest.mark.parametrize("name", ["json", "ansible.posix.json", "ansible.posix.jsonl"])
def test_output_for_programs_is_left_to_them(
    name: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress.constants, "DEFAULT_STDOUT_CALLBACK", name)
    progress.CallbackModule()._print(["phases      z2jh 3 s"])
    assert capfd.readouterr() == ("", "phases      z2jh 3 s\n")
