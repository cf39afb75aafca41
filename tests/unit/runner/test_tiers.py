# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible_collections.researchops.jupyterhub.tests.runner import everything, lab, paths, process, tiers
from ansible_collections.researchops.jupyterhub.tests.runner.process import Failure
from ansible_collections.researchops.jupyterhub.tests.runner.tiers import Count, Tier

pytestmark = pytest.mark.once


@pytest.fixture(autouse=True)
def logs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    monkeypatch.setattr(paths, "BUILD", tmp_path / "build")
    monkeypatch.setattr(paths, "LOGS", tmp_path / "build" / "logs")
    monkeypatch.setattr(process, "ROOT", tmp_path)
    return tmp_path / "build" / "logs"


def python(code: str) -> list[str | Path]:
    return [sys.executable, "-c", code]


def test_a_program_is_one_check_decided_by_its_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    tier = Tier("lint", 1)
    tier.step("good", python("pass"), env=os.environ)
    tier.step("bad", python("print('the reason'); raise SystemExit(3)"), env=os.environ)
    assert (tier.total, tier.failures) == (Count(1, 1), ["bad"])
    told = capsys.readouterr().out
    assert "    | the reason" in told
    assert "whole log: build/logs/lint-bad.log" in told


def test_a_program_that_is_not_there_has_failed_and_does_not_raise() -> None:
    tier = Tier("lint", 1)
    tier.step("gone", ["/nowhere/program"], env=os.environ)
    assert tier.total == Count(0, 1)


def test_a_judge_that_counts_no_failure_does_not_hide_the_exit_code() -> None:
    tier = Tier("unit", 1)
    count = tier.step("x", python("raise SystemExit(2)"), env=os.environ, judge=lambda _outcome, _log: Count(5, 0))
    assert count == Count(5, 1, "ended with code 2")


def test_the_nightly_run_may_take_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NIGHTLY", raising=False)
    assert tiers.expected(3.0) == 3.0
    monkeypatch.setenv("NIGHTLY", "1")
    assert tiers.expected(3.0) == 3.0 * tiers.NIGHTLY_FACTOR


def test_checking_nothing_is_a_failure() -> None:
    tier = Tier("unit", 1)
    count = tier.step("x", python("pass"), env=os.environ, judge=lambda _outcome, _log: Count())
    assert count == Count(0, 1, "it checked nothing")


def test_the_tiers_limit_ends_a_program_and_its_children(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mark = tmp_path / "child"
    child = f"import os, time; open({str(mark)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"

    def monotonic() -> float:
        """Two minutes pass at once when the child has begun."""
        return time.monotonic() + (120.0 if mark.exists() and mark.stat().st_size else 0.0)

    monkeypatch.setattr(process, "time", SimpleNamespace(monotonic=monotonic, sleep=time.sleep))
    tier = Tier("e2e", 1 / tiers.HARD_STOP)
    count = tier.step("slow", python(parent), env=os.environ)
    assert (count.passed, count.failed) == (0, 2)
    assert "stopped after 60 s" in count.note
    assert tier.late
    assert not Path(f"/proc/{mark.read_text(encoding='utf-8')}/cwd").exists()


def test_steps_abreast_cost_their_wall_time_and_all_count(tmp_path: Path) -> None:
    tier = Tier("integration", 1)

    def meets(mine: str, other: str) -> list[str | Path]:
        """A program that ends well only if the other one runs at the same time."""
        return python(
            f"import pathlib, time; here = pathlib.Path({str(tmp_path)!r}); (here / {mine!r}).touch(); time.sleep(1)\n"
            f"end = time.monotonic() + 30\n"
            f"while not (here / {other!r}).exists() and time.monotonic() < end: time.sleep(0.02)\n"
            f"assert (here / {other!r}).exists()"
        )

    steps = [
        lambda: tier.step("a", meets("a", "b"), env=os.environ),
        lambda: tier.step("b", meets("b", "a"), env=os.environ),
    ]
    started = time.monotonic()
    tier.abreast(steps, workers=2)
    assert tier.total == Count(passed=2)
    assert 1 <= tier.spent <= time.monotonic() - started


def test_complaints_are_shown_from_the_middle_of_a_long_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    noise = [f"line {number}" for number in range(200)]
    noise[50] = "ERROR: plugins/x.py:1: here"
    log.write_text("\n".join(noise), encoding="utf-8")
    shown = tiers.telling(log)
    assert shown[0] == "ERROR: plugins/x.py:1: here"
    assert shown[1] == "... 159 lines left out ..."
    assert shown[-1] == "line 199"
    assert len(shown) == 2 + tiers.TAIL_LINES


def test_all_tiers_run_and_the_last_line_is_the_sum(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def done(name: str, passed: int, failed: int) -> Tier:
        return Tier(name, 1, total=Count(passed, failed))

    def broken() -> Tier:
        raise Failure("no interpreter")

    table = {
        "lint": lambda: done("lint", 9, 1),
        "unit": broken,
        "lab": lambda: done("lab", 0, 1),
        "e2e": lambda: done("e2e", 100, 0),
        "lab-test": lambda: done("lab-test", 7, 0),
    }
    monkeypatch.setenv("LAB_NAME", "test")
    monkeypatch.setattr(lab, "stop", lambda: done("lab", 1, 0))
    assert everything.all_tiers(table) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "17 passed, 4 failed"
    assert [line for line in lines if line.startswith("e2e") and "0 passed    1 failed" in line]
    assert sum(1 for line in lines if line.endswith(" failed") and line[0].isdigit()) == 1


def test_tiers_at_the_desk_run_beside_those_on_the_lab(monkeypatch: pytest.MonkeyPatch) -> None:
    together = threading.Barrier(2, timeout=10)
    order: list[str] = []

    def meeting(name: str) -> Tier:
        together.wait()
        return Tier(name, 1, total=Count(1, 0))

    def last(name: str) -> Tier:
        order.append(name)
        assert together.n_waiting == 0
        return Tier(name, 1, total=Count(1, 0))

    table = {"lint": lambda: meeting("lint"), "lab": lambda: meeting("lab"), "lab-test": lambda: last("lab-test")}
    monkeypatch.setattr(lab, "stop", lambda: Tier("lab", 1))
    assert everything.all_tiers(table) == 0
    assert order == ["lab-test"]


@pytest.mark.parametrize("up", [True, False])
def test_who_is_done_at_the_desk_waits_for_the_lab(monkeypatch: pytest.MonkeyPatch, up: bool) -> None:
    order: list[str] = []

    def tier(name: str, seconds: float = 0.0, passed: bool = True) -> Tier:
        time.sleep(seconds)
        order.append(name)
        return Tier(name, 1, total=Count(int(passed), int(not passed)))

    table = {
        "lint": lambda: tier("lint"),
        "lab": lambda: tier("lab", 0.3, up),
        "molecule": lambda: tier("molecule"),
    }
    monkeypatch.setattr(lab, "stop", lambda: Tier("lab", 1))
    assert everything.all_tiers(table) == (0 if up else 1)
    assert order == (["lint", "lab", "molecule"] if up else ["lint", "lab"])


@pytest.mark.parametrize(("broken", "verbs"), [("none", "build up status env exec down"), ("up", "build up down")])
def test_helm_3_has_a_lab_of_its_own_that_is_always_taken_down(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, broken: str, verbs: str
) -> None:
    program, heard = tmp_path / "lab", tmp_path / "heard"
    program.write_text(
        f'#!/bin/sh\necho "$LAB_NAME $LAB_HELM $1" >>{heard}\n[ "$1" != env ] || echo "{{}}"\n[ "$1" != {broken} ]\n',
        encoding="utf-8",
    )
    program.chmod(0o755)
    monkeypatch.setenv("LAB_NAME", "test")
    monkeypatch.setattr(lab, "LAB", program)
    monkeypatch.setattr(lab, "variables", lambda: (SimpleNamespace(bin=tmp_path), dict(os.environ)))
    made = lab.helm3()
    assert heard.read_text(encoding="utf-8").splitlines() == [f"test-helm3 3 {verb}" for verb in verbs.split()]
    assert made.failures == ([] if broken == "none" else [broken])


def test_the_nightly_run_adds_helm_3_and_ends_with_the_lab_s_own_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    tables: list[list[str]] = []
    monkeypatch.setenv("NIGHTLY", "")
    monkeypatch.setattr(everything, "all_tiers", lambda tiers: tables.append(list(tiers)) or 0)
    assert everything.nightly() == 0
    assert tables == [["helm3", *everything.TIERS]]
    assert tables[0][-1] == "lab-test"


def test_a_stopped_run_ends_what_every_thread_started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    child = f"import os, time; open({str(mark)!r}, 'w').write(str(os.getpid())); time.sleep(60)"

    def sleeping() -> Tier:
        tier = Tier("lab", 2)
        tier.step("sleeps", python(child), env=os.environ)
        return tier

    def interrupted() -> Tier:
        end = time.monotonic() + 20
        while not (mark.exists() and mark.read_text()) and time.monotonic() < end:
            time.sleep(0.02)
        raise KeyboardInterrupt

    def stop() -> Tier:
        tier = Tier("lab", 1)
        tier.step("down", python("1"), env=os.environ)
        ended.append(tier.total)
        return tier

    ended: list[Count] = []
    monkeypatch.setattr(lab, "stop", stop)
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        everything.all_tiers({"lint": interrupted, "lab": sleeping, "integration": sleeping})
    assert time.monotonic() - began < 40
    assert not Path(f"/proc/{mark.read_text()}/cwd").exists()
    assert ended == [Count(passed=1)]


def test_two_runs_in_one_checkout_are_refused() -> None:
    with everything.alone(), pytest.raises(Failure, match="another test run is going on"), everything.alone():
        pass


def test_the_end_of_a_run_names_the_failed_test_in_a_few_short_lines(capsys: pytest.CaptureFixture[str]) -> None:
    made = tiers.Tier("e2e", 1.0)
    text = ["x" * 50] * 30 + [f"E   fatal: line {number} of one reason " + "and so on " * 99 for number in range(20)]
    text += ["FAILED tests/e2e/test_a.py::test_b - Assertion", "[ERROR]: Task failed: it said no"]
    text += ["ERROR: tests/a.py:7:70: used-before-assignment: gate", *["Running another test"] * 9]
    text += [f"fatal: [hub{number}]: no" for number in range(20)]
    made.step("a b", [sys.executable, "-c", f"print({chr(10).join(text)!r}); raise SystemExit(1)"], env={})
    capsys.readouterr()
    made.recall()
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("e2e a b failed; whole log: ")
    assert len(told) == 1 + tiers.GIST_LINES and max(map(len, told)) <= tiers.GIST_WIDTH + 6
    assert any("FAILED tests/e2e/test_a.py::test_b" in line for line in told)
    assert any("used-before-assignment" in line for line in told)
    assert any("it said no" in line for line in told)
    tiers.Tier("unit", 1.0).recall()
    assert not capsys.readouterr().out


def test_what_takes_long_comes_first_and_nothing_is_lost() -> None:
    assert lab.longest_first(["a", "b", "c", "d"], ["c", "gone", "b"]) == ["c", "b", "a", "d"]
