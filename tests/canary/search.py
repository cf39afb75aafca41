# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks for canaries in everything a run left behind.

Every window of every form is looked for, so that a cut-off secret counts too. To do that in one pass over some hundred
megabytes, the text is sampled: any window of 12 bytes holds a piece of 6 bytes that starts at a multiple of 7.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from forms import WINDOW, Canary, windows

PIECE = 6
STRIDE = WINDOW - PIECE + 1


@dataclass(frozen=True)
class Hit:
    """One place where a canary was found.

    Attributes:
        artefact: where.
        canary: the input it was planted in.
        form: how it was spelled.
        around: the text there.
    """

    artefact: str
    canary: str
    form: str
    around: str

    def __str__(self) -> str:
        return f"{self.artefact}: {self.canary} as {self.form}: …{self.around}…"


@dataclass(frozen=True)
class Artefact:
    """Something a run left behind.

    Attributes:
        name: its name in a report.
        data: its content.
        may_hold: canaries that belong there, by name.
    """

    name: str
    data: bytes
    may_hold: frozenset[str] = frozenset()


class Search:
    """Finds a set of canaries in any number of artefacts."""

    def __init__(self, canaries: Iterable[Canary]) -> None:
        self._windows: dict[bytes, tuple[str, str]] = {}
        self._pieces: set[bytes] = set()
        for canary in canaries:
            for form, text in canary.spellings().items():
                for window in windows(text):
                    self._windows.setdefault(window, (canary.name, form))
        self._short = {window for window in self._windows if len(window) < WINDOW}
        for window in self._windows:
            for start in range(len(window) - PIECE + 1):
                self._pieces.add(window[start : start + PIECE])
        self._lengths = sorted({len(window) for window in self._windows})

    def hits(self, artefacts: Iterable[Artefact]) -> list[Hit]:
        """Every canary at most once per artefact and form."""
        found: dict[tuple[str, str, str], Hit] = {}
        for artefact in artefacts:
            for start, (canary, form), length in self._places(artefact.data):
                if canary not in artefact.may_hold:
                    around = artefact.data[max(0, start - 60) : start + length + 30].decode(errors="replace")
                    hit = Hit(artefact.name, canary, form, around.replace("\n", "⏎"))
                    found.setdefault((artefact.name, canary, form), hit)
        return list(found.values())

    def _places(self, data: bytes) -> Iterator[tuple[int, tuple[str, str], int]]:
        for window in self._short:  # too short to hold a sampled piece for certain
            if window in data:
                yield data.index(window), self._windows[window], len(window)
        pieces, stride = self._pieces, STRIDE
        for start in range(0, len(data) - PIECE + 1, stride):
            if data[start : start + PIECE] in pieces:
                yield from self._around(data, start)

    def _around(self, data: bytes, place: int) -> Iterator[tuple[int, tuple[str, str], int]]:
        """The windows of canaries that hold the piece at ``place``."""
        for length in self._lengths:
            for start in range(max(0, place - length + PIECE), place + 1):
                known = self._windows.get(data[start : start + length])
                if known is not None:
                    yield start, known, length


def files_below(folder: Path, label: str, may_hold: dict[str, frozenset[str]] | None = None) -> list[Artefact]:
    """Every file below a folder, and every file name.

    Args:
        folder: where to look.
        label: what to call it in a report.
        may_hold: canaries that belong into files, by a part of the file's path.
    """
    found: list[Artefact] = []
    names: list[str] = []
    for path in sorted(folder.rglob("*")):
        place = str(path.relative_to(folder))
        names.append(place)
        if path.is_file() and not path.is_symlink():
            allowed = frozenset[str]().union(*(held for part, held in (may_hold or {}).items() if part in place))
            found.append(Artefact(f"{label}/{place}", path.read_bytes(), allowed))
    return [*found, Artefact(f"file names in {label}", "\n".join(names).encode())]
