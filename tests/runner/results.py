# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read how many tests ran and how they ended from what the test programs leave behind."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Collection
from pathlib import Path

from .process import Failure, Outcome
from .tiers import Count

#: the only reason for which a test may be skipped: reference material that is not part of the project is absent (it
#: then counts neither way)
NOT_CROSS_CHECKED = "not cross-checked"
RUNNING = re.compile(r'Running sanity test "(?P<name>[^"]+)"(?: on Python (?P<python>[\d.]+))?')
SKIPPED = re.compile(
    r'Skipping sanity test "(?P<name>[^"]+)" on Python (?P<python>[\d.]+) because it could not be found'
)
UNABLE = re.compile(
    r"WARNING: (?P<what>Required program .* not found|Skipping sanity test .*|.* may be slow due to missing libyaml.*)"
)


def junit(report: Path) -> Callable[[Outcome, Path], Count]:
    """Return a judge that counts the test cases of a JUnit report. A skipped test is a failed one, unless it says it
    was not cross-checked.
    """

    def judge(outcome: Outcome, _log: Path) -> Count:
        if not report.exists():
            return Count(failed=1, note="no report was written" if not outcome.timed_out else "")
        try:
            cases = list(ET.parse(report).getroot().iter("testcase"))  # noqa: S314  (our own pytest wrote it)
        except ET.ParseError as error:
            raise Failure(f"{report.name} is not readable: {error}") from error
        return count_cases(cases)

    report.parent.mkdir(parents=True, exist_ok=True)
    report.unlink(missing_ok=True)
    return judge


def count_cases(cases: list[ET.Element]) -> Count:
    """Count JUnit test cases."""
    passed = failed = unchecked = skipped = 0
    for case in cases:
        skip = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
        elif skip is None:
            passed += 1
        elif NOT_CROSS_CHECKED in (skip.get("message") or ""):
            unchecked += 1
        else:
            skipped += 1
    notes = [f"{unchecked} {NOT_CROSS_CHECKED}"] if unchecked else []
    notes += [f"{skipped} skipped, counted as failed"] if skipped else []
    return Count(passed, failed + skipped, ", ".join(notes))


def sanity(required: Collection[str]) -> Callable[[Outcome, Path], Count]:
    """Return a judge for ansible-test's output: each test (and Python version) counts once; one that was left out
    has failed.

    Only a Python outside `required` may be missing; it is named in the remark.
    """

    def judge(outcome: Outcome, log: Path) -> Count:
        text = log.read_text(encoding="utf-8", errors="replace")
        ran = [(match["name"], match["python"] or "") for match in RUNNING.finditer(text)]
        failed = set(failed_sanity_tests(text))
        absent: set[str] = set()
        trouble: list[str] = []
        for match in UNABLE.finditer(text):
            skip = SKIPPED.search(match["what"])
            if skip and skip["python"] not in required:
                absent.add(skip["python"])
            else:
                trouble.append(match["what"])
        bad = sum(1 for name, python in ran if (f"{name} --python {python}" if python else name) in failed)
        notes = [f"Python {python} is not here" for python in sorted(absent)] + trouble
        lost = [python for python in required if python not in {python for _name, python in ran}]
        notes += [f"Python {python} was not tried" for python in lost]
        return Count(len(ran) - bad, max(bad, len(failed)) + len(trouble) + len(lost), "; ".join(notes))

    return judge


def failed_sanity_tests(text: str) -> list[str]:
    """Return the tests that ansible-test lists at its end."""
    head, found, rest = text.rpartition("sanity test(s) listed below")
    if not found:
        return []
    del head
    return [line.strip() for line in rest.splitlines()[1:] if line.strip()]
