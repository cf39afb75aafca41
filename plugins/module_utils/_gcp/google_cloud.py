# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""What a task of collection google.cloud says when it fails, in one sentence for a person. Pure.

Its modules have no message for a refusal that they do not expect: they die with requests' exception. ansible-core 2.19
makes that exception the task's message; before, it is the last line of a traceback. Without an answer they wait for
ever, so our tasks have a time limit, which Ansible tells in words of its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: "GCP returned error: {'error': {'code': 403, 'message': 'The limit is 8 globally.', ...}}", as its modules say it
ENVELOPE = re.compile(r"^GCP returned error: .*?'message': (['\"])(?P<message>.*?)\1[,}].*$", re.DOTALL)
#: what ansible-core 2.19 and later put before the exception
PREFIX = re.compile(r"^Task failed: (?:Module failed: )?")
#: Google refuses a change of what somebody else has changed since it was read
COLLISION = re.compile(r"\b(?:409|412) Client Error\b")
#: Google has too much to do at this moment
BUSY = re.compile(r"\b(?:429 Client Error|5\d\d Server Error)\b")


@dataclass(frozen=True)
class Failure:
    """Why a task of google.cloud failed.

    Attributes:
        text: without a full stop at its end.
        late: nothing was heard in time; Google may still be at it.
        collision: somebody else changed the same thing at the same moment.
        busy: Google's side had too much to do.
    """

    text: str
    late: bool = False
    collision: bool = False
    busy: bool = False


def failure(result: Mapping[str, Any], seconds: int) -> Failure:
    """Read the registered result of a failed task whose ``timeout`` was so many seconds."""
    if "timedout" in result:
        return Failure(f"no answer within {seconds} s", late=True)
    traceback = str(result.get("module_stderr") or "").strip().splitlines()
    text = PREFIX.sub("", traceback[-1] if traceback else str(result.get("msg") or "no reason is known")).strip()
    found = ENVELOPE.match(text)
    text = found["message"] if found else text
    collision, busy = (sign.search(text) is not None for sign in (COLLISION, BUSY))
    return Failure(text.removesuffix("."), collision=collision, busy=busy)
