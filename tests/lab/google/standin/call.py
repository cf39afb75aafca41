# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a handler of an API method gets, and how handlers are registered."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Union

from standin import errors
from standin.world import World

if TYPE_CHECKING:
    from standin.tokens import Tokens
    from standin.zones import Records

Answer = Union[dict[str, Any], None, Awaitable[Union[dict[str, Any], None]]]


@dataclass
class Call:
    """One authenticated, validated request."""

    world: World
    records: Records  # DNS as it really is
    tokens: Tokens
    email: str
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: Any = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)  # one for all calls that change DNS

    def text(self, name: str) -> str:
        """A parameter of the path, or else of the query; empty when it was not given."""
        return self.path.get(name) or self.query.get(name) or ""

    def project(self, permission: str, name: str = "") -> dict[str, Any]:
        """The project the call is about, if the caller may do this there. Raises GoogleError."""
        asked = name or self.text("project") or self.text("projectId")
        found = self.world.project(asked)
        if permission and not self.world.allowed(self.email, permission, found):
            raise errors.denied(permission, f"projects/{asked}")
        return found


@dataclass(frozen=True)
class Handler:
    """How a method is answered. ``writes`` is false for methods that change nothing (their verb may still be POST)."""

    act: Callable[[Call], Answer]
    writes: bool = False
    shut_down: bool = False


def reads(act: Callable[[Call], Answer]) -> Handler:
    """A method that changes nothing."""
    return Handler(act)


def writes(act: Callable[[Call], Answer]) -> Handler:
    """A method that changes something."""
    return Handler(act, writes=True)


def page(
    items: list[Any], query: Mapping[str, str], size: str = "pageSize", default: int = 500
) -> tuple[list[Any], str]:
    """One page of a list and the token of the next page (empty: this was the last)."""
    try:
        start = int(query.get("pageToken") or "0")
        count = int(query.get(size) or 0) or default
    except ValueError:
        raise errors.invalid("Invalid value for field 'pageToken'.") from None
    end = start + count
    return items[start:end], str(end) if end < len(items) else ""
