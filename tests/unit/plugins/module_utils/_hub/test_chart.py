# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which chart is meant and which digest it must have; refusals first."""

from __future__ import annotations

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import Changed, HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.chart import (
    ChartRef,
    Expected,
    Kind,
    as_label,
    check_digest,
    expected_digest,
    from_label,
    parse_reference,
)
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.chart_lock import LOCK, Z2JH_REPOSITORY

OFFICIAL = f"{Z2JH_REPOSITORY}/jupyterhub"
LOCKED = LOCK[(OFFICIAL, "3.3.8")]
A, B = "a" * 64, "b" * 64


@pytest.mark.parametrize(
    ("ref", "version", "part"),
    [
        pytest.param("http://charts.example.org/jupyterhub", "4.4.0", "uses http://", id="unprotected"),
        pytest.param("git+ssh://example.org/jupyterhub", "4.4.0", "uses git+ssh://", id="another-scheme"),
        pytest.param(OFFICIAL, "", "is not pinned", id="no-version"),
        pytest.param(OFFICIAL, "latest", "is not pinned", id="latest"),
        pytest.param(OFFICIAL, "4", "is not pinned", id="major-only"),
        pytest.param(OFFICIAL, "4.4", "is not pinned", id="minor-only"),
        pytest.param(OFFICIAL, "^4.4.0", "is not pinned", id="caret"),
        pytest.param(OFFICIAL, "~4.4.0", "is not pinned", id="tilde"),
        pytest.param(OFFICIAL, ">=4.4.0", "is not pinned", id="range"),
        pytest.param(OFFICIAL, "4.x.0", "is not pinned", id="wildcard"),
        pytest.param(OFFICIAL, "4.4.0 || 3.3.8", "is not pinned", id="alternatives"),
        pytest.param("oci://registry.example.org/jupyterhub", "latest", "is not pinned", id="oci-latest"),
        pytest.param("/charts/jupyterhub", "4.*", "is not pinned", id="path-with-a-range"),
        pytest.param("https://jupyterhub", "4.4.0", "does not end in the chart's name", id="no-repository"),
        pytest.param("https:///jupyterhub", "4.4.0", "does not end in the chart's name", id="no-host"),
        pytest.param("https://[charts]/jupyterhub", "4.4.0", "is no address", id="brackets-around-no-address"),
        pytest.param("oci://[charts/jupyterhub", "4.4.0", "is no address", id="a-bracket-alone"),
    ],
)
def test_a_chart_that_is_not_pinned_is_refused(ref: str, version: str, part: str) -> None:
    with pytest.raises(HubError, match="E-CHART-02") as caught:
        parse_reference(ref, version)
    assert part in caught.value.what
    assert caught.value.changed is Changed.NOTHING


@pytest.mark.parametrize(
    ("ref", "version", "found"),
    [
        ("/charts/jupyterhub", "", ChartRef(Kind.PATH, "/charts/jupyterhub")),
        ("./jupyterhub.tgz", "4.4.0", ChartRef(Kind.PATH, "./jupyterhub.tgz", "4.4.0")),
        ("oci://r.example.org/x/hub", "4.4.0", ChartRef(Kind.OCI, "oci://r.example.org/x/hub", "4.4.0")),
        (OFFICIAL, "v4.4.0", ChartRef(Kind.REPOSITORY, OFFICIAL, "v4.4.0", Z2JH_REPOSITORY, "jupyterhub")),
        (OFFICIAL + "/", "3.3.8", ChartRef(Kind.REPOSITORY, OFFICIAL + "/", "3.3.8", Z2JH_REPOSITORY, "jupyterhub")),
        (
            OFFICIAL,
            "4.4.1-0.dev.git.7012.hc7bca1ab",
            ChartRef(Kind.REPOSITORY, OFFICIAL, "4.4.1-0.dev.git.7012.hc7bca1ab", Z2JH_REPOSITORY, "jupyterhub"),
        ),
    ],
)
def test_a_pinned_chart_is_read(ref: str, version: str, found: ChartRef) -> None:
    assert parse_reference(ref, version) == found


def official(version: str) -> ChartRef:
    return parse_reference(OFFICIAL, version)


@pytest.mark.parametrize(
    ("chart", "given", "recorded", "expected"),
    [
        pytest.param(official("3.3.8"), "", "", Expected(LOCKED, "the collection's lock file"), id="locked"),
        pytest.param(official("v3.3.8"), "", "", Expected(LOCKED, "the collection's lock file"), id="locked-with-a-v"),
        pytest.param(parse_reference(OFFICIAL + "/", "3.3.8"), "", "", Expected(LOCKED, "the collection's lock file"),
                     id="locked-with-a-slash"),
        pytest.param(official("3.3.8"), A, B, Expected(A, "chart_sha256"), id="the-option-comes-first"),
        pytest.param(official("3.3.8"), "", B, Expected(LOCKED, "the collection's lock file"), id="lock-before-record"),
        pytest.param(official("4.4.0"), "", B,
                     Expected(B, "the digest recorded in the release when this version was first installed"),
                     id="recorded"),
        pytest.param(official("4.4.0"), "", "", Expected(), id="nobody-knows"),
        pytest.param(ChartRef(Kind.PATH, "/c"), "", B, Expected(), id="a-path-may-be-edited"),
        pytest.param(ChartRef(Kind.PATH, "/c"), A, "", Expected(A, "chart_sha256"), id="a-path-may-be-pinned"),
        pytest.param(official("4.4.0"), f" SHA256:{A.upper()}\n", "", Expected(A, "chart_sha256"),
                     id="as-tools-print-it"),
    ],
)  # fmt: skip
def test_whose_word_counts(chart: ChartRef, given: str, recorded: str, expected: Expected) -> None:
    assert expected_digest(chart, given, recorded) == expected


@pytest.mark.parametrize("scheme", ["https", "http", "oci"])
@pytest.mark.parametrize("login", ["ada:SECRET-TOKEN", "SECRET-TOKEN"])
def test_a_login_in_the_address_is_refused_and_not_repeated(scheme: str, login: str) -> None:
    with pytest.raises(HubError, match=r"E-CHART-02 .*has a login in it") as caught:
        parse_reference(f"{scheme}://{login}@charts.example.org/jupyterhub", "4.4.0")
    assert "SECRET" not in caught.value.text()


@pytest.mark.parametrize("given", ["abc", A[:-1], A + "0", "g" * 64, "sha512:" + A])
def test_what_is_no_digest_is_refused(given: str) -> None:
    with pytest.raises(HubError, match="E-CHART-02"):
        expected_digest(official("4.4.0"), given, "")


def test_another_chart_than_promised_is_refused_with_both_digests() -> None:
    with pytest.raises(HubError) as caught:
        check_digest(official("4.4.0"), B, Expected(A, "chart_sha256"))
    assert caught.value.text() == (
        f"E-CHART-01 The chart {OFFICIAL} 4.4.0 is not the one that is pinned by chart_sha256. Seen: sha256 {B}; "
        f"wanted: sha256 {A}. Nothing was changed. Do: find out why the chart changed; if the new one is right, set "
        "chart_sha256 (z2jh_chart_sha256) to it."
    )


def test_the_promised_chart_and_one_without_a_promise_pass() -> None:
    check_digest(official("4.4.0"), A, Expected(A, "x"))
    check_digest(official("4.4.0"), B, Expected())


def test_a_digest_fits_a_label_and_comes_back() -> None:
    label = as_label(LOCKED)
    assert len(label) == 52 and label == label.lower()
    assert from_label(label) == LOCKED


@pytest.mark.parametrize("label", ["", "abc", "!" * 52, as_label(A) + "aa"])
def test_what_is_no_label_of_ours_is_no_digest(label: str) -> None:
    assert from_label(label) == ""


@pytest.mark.parametrize(("version", "seen"), [("", "nothing"), ("latest", "latest")])
def test_a_refusal_says_what_was_given(version: str, seen: str) -> None:
    with pytest.raises(HubError) as caught:
        parse_reference(OFFICIAL, version)
    assert caught.value.seen == seen
