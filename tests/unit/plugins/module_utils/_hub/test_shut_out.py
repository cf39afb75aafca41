# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose server is stopped, and above all whose is not."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.shut_out import (
    BY_HUB,
    BY_IAP,
    leaving,
    shut_out,
)

ADA, BOB = "ada@example.org", "bob@lab.example.org"
CLASS = "researchops_hub.IAPAuthenticator"


def pod(user: str) -> dict[str, Any]:
    return {"metadata": {"name": f"jupyter-{user[:3]}", "annotations": {"hub.jupyter.org/username": user}}}


def values(authenticator: str = CLASS, extra: dict[str, str] | None = None, **traits: Any) -> dict[str, Any]:
    config = {"JupyterHub": {"authenticator_class": authenticator}, "IAPAuthenticator": traits}
    return {"hub": {"config": config, "extraConfig": extra or {}}}


def stopped(removed: list[str], given: dict[str, Any], *users: str) -> dict[str, str]:
    return {one["user"]: one["reason"] for one in shut_out([pod(user) for user in users or (ADA, BOB)], removed, given)}


@pytest.mark.parametrize(
    ("removed", "gone"),
    [
        ([], []),
        ([f"user:{ADA}"], [ADA]),
        (["serviceAccount:Bob@Lab.example.org"], [BOB]),
        (["serviceaccount:bob@lab.example.org"], [BOB]),
        (["group:all@example.org", "domain:example.org", "allUsers", f"deleted:user:{ADA}?uid=1"], []),
        ([f"group:{ADA}"], []),
    ],
)
def test_who_was_taken_off_the_list_of_iap(removed: list[str], gone: list[str]) -> None:
    assert stopped(removed, {}) == dict.fromkeys(gone, BY_IAP)


@pytest.mark.parametrize(
    ("traits", "gone"),
    [
        ({"allow_all": True}, []),
        ({"allow_all": True, "blocked_users": [ADA]}, [ADA]),
        ({"allowed_users": ["Ada@example.org"]}, [BOB]),
        ({"admin_users": [BOB]}, [ADA]),
        ({"allowed_domains": ["example.org"]}, [BOB]),
        ({"allowed_domains": ["example.org"], "allowed_users": [BOB]}, []),
        ({"allowed_domains": ["example.org"], "blocked_users": [ADA]}, [ADA, BOB]),
        ({"allowed_domains": [" @Example.org"]}, [BOB]),
        ({}, [ADA, BOB]),
    ],
)
def test_who_the_hub_does_not_let_in(traits: dict[str, Any], gone: list[str]) -> None:
    assert stopped([], values(**traits)) == dict.fromkeys(gone, BY_HUB)


def test_a_name_may_stand_at_the_general_class() -> None:
    given = values()
    given["hub"]["config"]["Authenticator"] = {"allowed_users": [BOB]}
    assert stopped([], given) == {ADA: BY_HUB}


@pytest.mark.parametrize(
    "given",
    [
        {},
        values("generic-oauth"),
        values("dummy"),
        values(extra={"10-more": "c.Authenticator.allowed_users = {...}"}),
        {"hub": values()["hub"] | {"extraFiles": {"x": {"mountPath": "/usr/local/etc/jupyterhub_config.d/x.py"}}}},
        {"hub": values()["hub"] | {"existingSecret": "theirs"}},
        values(allow_existing_users=True),
        values(username_map={ADA: "ada"}),
    ],
    ids=[
        "not known",
        "another login",
        "no login",
        "code of the operator's own",
        "code in a file",
        "values in a Secret",
        "who is in the database",
        "other names",
    ],
)
def test_rules_that_are_not_known_stop_nobody(given: dict[str, Any]) -> None:
    assert stopped([], given) == {}


def test_a_pod_without_an_owner_stays() -> None:
    assert shut_out([{"metadata": {"name": "x"}}], [f"user:{ADA}"], values()) == []


def test_what_is_told() -> None:
    assert shut_out([pod(ADA)], [f"user:{ADA}"], {}) == [{"pod": "jupyter-ada", "user": ADA, "reason": BY_IAP}]


@pytest.mark.parametrize(
    ("removed", "members", "expected"),
    [
        ([], [], []),
        ([f"user:{ADA}"], [], [f"user:{ADA}"]),
        (["user:Ada@Example.org", f"user:{ADA}"], [], [f"user:{ADA}"]),
        ([f"user:{ADA}"], ["user:ADA@example.org"], []),
        ([f"user:{BOB}"], [f"serviceAccount:{BOB}"], []),
        ([f"serviceAccount:{BOB}", f"user:{ADA}"], [], [f"serviceaccount:{BOB}", f"user:{ADA}"]),
        (["group:all@example.org", "domain:example.org", "allUsers", f"deleted:user:{ADA}?uid=1"], [], []),
        ([f"user:{ADA}"], ["group:all@example.org"], [f"user:{ADA}"]),
        ([f"user:{ADA}", "user:eve@other.org"], ["domain:Example.org"], ["user:eve@other.org"]),
    ],
)
def test_who_leaves(removed: list[str], members: list[str], expected: list[str]) -> None:
    assert leaving(removed, members) == expected
    assert leaving([*expected, *removed], members) == expected, "a run that broke off wrote it down"
