# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""Kubeconfig files on this machine: read what a person has, keep our own private one, try a login helper."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .._core.errors import HubError
from .._core.files import write_private
from . import login_helper
from .kubeconfig import Chosen, Source, helper_command, helper_missing, parse_source, unusable


def kubeconfig_paths(kubeconfig: str | None) -> list[str]:
    """The files meant: the given ones, else ``KUBECONFIG``, else ``~/.kube/config``; never a pod's own account.

    Raises:
        HubError: E-ACCESS-05 when a file was named that is not there, or none is there at all.
    """
    given = kubeconfig or os.environ.get("KUBECONFIG") or "~/.kube/config"
    paths = [os.path.abspath(os.path.expanduser(part)) for part in given.split(os.pathsep) if part]
    # Like kubectl: of a list some files may be missing, but not all.
    present = [path for path in paths if os.path.isfile(path)]
    if not present:
        raise unusable(given, "there is no such file", "set cluster_access_kubeconfig to the kubeconfig of the cluster")
    return present


def read_sources(paths: Sequence[str]) -> list[Source]:
    """Parse kubeconfig files.

    Raises:
        HubError: E-ACCESS-05 for a file that cannot be read or is no kubeconfig.
    """
    import yaml

    sources = []
    for path in paths:
        try:
            with open(path, encoding="utf-8") as stream:
                sources.append(parse_source(path, yaml.safe_load(stream)))
        except OSError as problem:
            raise unusable(path, problem.strerror or type(problem).__name__) from problem
        except (yaml.YAMLError, UnicodeDecodeError) as problem:
            # The parser's own text quotes the file, which may hold secrets.
            raise unusable(path, "it is not YAML") from problem
    return sources


def check_hub(hub: str) -> None:
    """Refuse a hub's name that would lead out of our directory.

    Raises:
        HubError: E-ACCESS-16.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", hub):
        raise HubError(
            "E-ACCESS-16", f"The hub's name {hub!r} cannot name a directory", "use letters, digits, dots and dashes"
        )


def as_yaml(document: Mapping[str, Any], origin: str) -> str:
    """A document as the text of a file that says where it came from; equal input gives equal text."""
    import yaml

    return f"# Made by researchops.jupyterhub from {origin}; changes here are lost.\n" + str(
        yaml.safe_dump(document, sort_keys=True)
    )


def open_to_others(paths: Sequence[str]) -> list[str]:
    """Which of these files the group or others may read."""
    return [path for path in paths if stat.S_IMODE(os.stat(path).st_mode) & 0o077]


def check_helper(user: Mapping[str, object], context: str) -> None:
    """Refuse a user entry whose login program is not installed.

    Raises:
        HubError: E-ACCESS-04.
    """
    command = helper_command(user)
    if command and shutil.which(command) is None:
        raise helper_missing(command, context)


@dataclass(frozen=True)
class PrivateFolder:
    """A directory of ours that only its owner can enter.

    Attributes:
        path: ``<cache>/researchops-jupyterhub/<hub>``.
    """

    path: str

    @classmethod
    def for_hub(cls, base: str, hub: str) -> PrivateFolder:
        """The folder of one hub; ``base`` defaults to the user's cache directory."""
        top = base or os.path.join(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "researchops-jupyterhub")
        return cls(os.path.join(os.path.abspath(os.path.expanduser(top)), hub))

    def file(self, kind: str, *inputs: str) -> str:
        """The path of a file that belongs to these inputs: two inventories with one hub name never share it."""
        digest = hashlib.sha256(json.dumps(inputs).encode()).hexdigest()[:12]
        return os.path.join(self.path, f"{kind}-{digest}")

    def holds(self, path: str, text: str) -> bool:
        """Whether the file already has this text and is private."""
        try:
            with open(path, encoding="utf-8") as stream:
                facts = os.fstat(stream.fileno())
                private = facts.st_uid == os.geteuid() and stat.S_IMODE(facts.st_mode) == 0o600
                return private and stream.read() == text
        except (OSError, UnicodeDecodeError):
            return False

    def write(self, path: str, text: str) -> None:
        """Write a private file, whole or not at all.

        Raises:
            HubError: E-ACCESS-15 when the disk is full or the folder cannot be written.
        """
        try:
            os.makedirs(self.path, mode=0o700, exist_ok=True)
            os.chmod(self.path, 0o700)
            write_private(path, text)
        except OSError as problem:
            raise unwritable(path, problem) from problem

    def remove(self) -> None:
        """Remove the folder with everything in it."""
        shutil.rmtree(self.path, ignore_errors=True)


def unwritable(path: str, problem: OSError) -> HubError:
    """The error for something in a private folder that cannot be written."""
    return HubError(
        error_id="E-ACCESS-15",
        what=f"{path} cannot be written: {problem.strerror or type(problem).__name__}",
        do="free space or correct the rights of that directory (XDG_CACHE_HOME moves it), then run again",
    )


def explain_helper(chosen: Chosen) -> HubError | None:
    """Start the login helper once and tell what it said; None when it works or there is none."""
    entry = chosen.user.get("exec")
    if not isinstance(entry, dict):
        return None
    try:
        login_helper.ask(entry, chosen.context, chosen.cluster)
    except HubError as problem:
        return problem
    return None
