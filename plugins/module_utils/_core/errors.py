# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""The errors a person reads.

Every failure of this collection is one :class:`HubError`: an id that docs/errors.md explains, what happened to
which object, what was seen and wanted, whether anything was changed, and one thing to do next. Nothing below the
shell ends a process or knows about Ansible; it raises one of these.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

ERROR_ID = r"E-[A-Z0-9]+-\d\d"
"""The form of an id, as a regular expression; an area such as K8S has digits."""
OUR_WORDS = re.compile(rf"(?P<id>{ERROR_ID}) (?P<what>.+)\. Nothing was changed\. Do: (?P<do>.+)\.")
"""An error of the collection as one line, see :meth:`HubError.text`."""
PACKAGES = {
    "dns": "dnspython",
    "yaml": "PyYAML",
    "websocket": "websocket-client",
    "google.auth": "google-auth",
    "socks": "PySocks",
}
"""Importable names whose package has another name."""


class Changed(Enum):
    """What a failed run left behind; the sentence a reader looks for first."""

    NOTHING = "Nothing was changed."
    SOME = "Some steps were done before this; running again continues from there."
    UNKNOWN = "Whether the last step took effect is not known; running again finds out."


@dataclass
class HubError(Exception):
    """One failure, complete enough to act on without reading a log.

    Attributes:
        error_id: ``E-AREA-NN`` (:data:`ERROR_ID`); has an entry in docs/errors.md.
        what: one sentence naming the object and the reason, ending without a full stop.
        do: the one next step, imperative, ending without a full stop.
        seen: what was observed, if the sentence needs it.
        wanted: what was expected instead.
        changed: whether anything was changed before the failure.
        details: further facts for machines; never secrets.
    """

    error_id: str
    what: str
    do: str
    seen: str = ""
    wanted: str = ""
    changed: Changed = Changed.NOTHING
    details: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.text()

    def text(self) -> str:
        """The message in the one form every module and role prints."""
        parts = [f"{self.error_id} {self.what}."]
        compared = [f"{label}: {value}" for label, value in (("Seen", self.seen), ("wanted", self.wanted)) if value]
        if compared:
            sentence = "; ".join(compared)
            parts.append(sentence[0].upper() + sentence[1:] + ".")
        parts.append(self.changed.value)
        parts.append(f"Do: {self.do}.")
        return " ".join(parts)


@contextmanager
def writing(written: bool = True) -> Iterator[None]:
    """What fails in here comes after a write, where there was one: an error that says otherwise is put right."""
    try:
        yield
    except HubError as problem:
        if written and problem.changed is Changed.NOTHING:
            problem.changed = Changed.SOME
        raise


def is_installed(name: str) -> bool:
    """Whether a library can be imported; also for a part of a package (``google.auth``) none of which is there."""
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def require(*names: str) -> None:
    """Go on only with these libraries.

    Args:
        names: importable names.

    Raises:
        HubError: E-LIB-01 for the first that the running interpreter lacks.
    """
    for name in names:
        if not is_installed(name):
            raise missing_library(name, sys.executable)


def missing_library(name: str, interpreter: str) -> HubError:
    """The error for a Python library that the running interpreter lacks."""
    return HubError(
        error_id="E-LIB-01",
        what=f"The Python library {name} is missing from {interpreter}",
        do=f"run: {interpreter} -m pip install {PACKAGES.get(name, name)} (or use the collection's execution "
        "environment), then run again",
        details={"library": name, "interpreter": interpreter},
    )


def missing_collection(name: str) -> HubError:
    """The error for an Ansible collection that a role needs in the way it is set up, and most hubs do not."""
    return HubError(
        error_id="E-LIB-02",
        what=f"The Ansible collection {name} is missing, or too old for what is asked for here",
        do=f"run: ansible-galaxy collection install --upgrade {name} (or all of them: -r requirements.yml), "
        "then run again",
        details={"collection": name},
    )
