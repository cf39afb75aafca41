# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.researchops.jupyterhub.tests.runner import results
from ansible_collections.researchops.jupyterhub.tests.runner.process import Failure, Outcome
from ansible_collections.researchops.jupyterhub.tests.runner.tiers import Count

pytestmark = pytest.mark.once

OK = Outcome(0, 1.0)


@pytest.mark.parametrize(
    ("cases", "count"),
    [
        pytest.param("<testcase/><testcase/>", Count(2, 0), id="passed"),
        pytest.param("<testcase><failure/></testcase><testcase/>", Count(1, 1), id="failed"),
        pytest.param("<testcase><error/></testcase>", Count(0, 1), id="error"),
        pytest.param(
            '<testcase><skipped message="no cluster"/></testcase>',
            Count(0, 1, "1 skipped, counted as failed"),
            id="skipped is failed",
        ),
        pytest.param(
            '<testcase><skipped message="not cross-checked: no data"/></testcase><testcase/>',
            Count(1, 0, "1 not cross-checked"),
            id="not cross-checked counts neither way",
        ),
        pytest.param("", Count(0, 0), id="no test"),
    ],
)
def test_junit_report_is_counted(cases: str, count: Count, tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    judge = results.junit(report)
    report.write_text(f"<testsuites><testsuite>{cases}</testsuite></testsuites>", encoding="utf-8")
    assert judge(OK, tmp_path / "log") == count


def test_a_report_of_an_earlier_run_does_not_count(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text("<testsuite><testcase/></testsuite>", encoding="utf-8")
    assert results.junit(report)(OK, tmp_path / "log") == Count(0, 1, "no report was written")


def test_a_broken_report_is_a_clear_failure(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    judge = results.junit(report)
    report.write_text("<testsuite>", encoding="utf-8")
    with pytest.raises(Failure, match=r"report.xml is not readable"):
        judge(OK, tmp_path / "log")


SANITY = """\
Running sanity test "changelog"
Running sanity test "import" on Python 3.11
Running sanity test "import" on Python 3.13
Running sanity test "pylint"
"""


@pytest.mark.parametrize(
    ("more", "count"),
    [
        pytest.param("", Count(4, 0), id="all passed"),
        pytest.param(
            "FATAL: The 2 sanity test(s) listed below (out of 4) failed. See error output above for details.\n"
            "import --python 3.13\npylint\n",
            Count(2, 2),
            id="two failed",
        ),
        pytest.param(
            'WARNING: Skipping sanity test "import" on Python 3.14 because it could not be found.\n',
            Count(4, 0, "Python 3.14 is not here"),
            id="a Python that nobody asked for is missing",
        ),
        pytest.param(
            'WARNING: Skipping sanity test "import" on Python 3.13 because it could not be found.\n',
            Count(4, 1, 'Skipping sanity test "import" on Python 3.13 because it could not be found.'),
            id="a required Python is missing",
        ),
        pytest.param(
            'WARNING: Required program "shellcheck" not found.\n',
            Count(4, 1, 'Required program "shellcheck" not found'),
            id="a tool is missing",
        ),
    ],
)
def test_sanity_output_is_counted(more: str, count: Count, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(SANITY + more, encoding="utf-8")
    found = results.sanity(("3.11", "3.13"))(OK, log)
    assert (found.passed, found.failed) == (count.passed, count.failed)
    assert count.note in found.note


def test_a_python_that_sanity_never_tried_is_a_failure(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text('Running sanity test "import" on Python 3.11\n', encoding="utf-8")
    assert results.sanity(("3.11", "3.13"))(OK, log) == Count(1, 1, "Python 3.13 was not tried")
