# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""make test: every tier, whatever the others said; the last line is the sum.

What needs no lab that is up runs beside what does: one mostly computes, the other mostly waits. The tests of the lab
as a whole compare the machine before and after, so they come last and alone.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from functools import partial

from . import environments, lab, lint, paths, sanity, unit
from .process import Failure, end_all, go_on, say
from .tiers import Count, Tier

#: tiers of which single parts can be named
PARTS: Mapping[str, Callable[[Sequence[str]], Tier]] = {"integration": lab.integration, "molecule": lab.molecule}
#: tiers that only make sense with the lab up
ON_THE_LAB = ("integration", "molecule", "e2e")
#: what runs side by side; molecule is in the lane that ends first, and waits there for a lab that is still built
LANES = (("lab", "integration", "e2e"), ("lint", "unit", "sanity", "lab-parts", "molecule"))
TIERS: Mapping[str, Callable[[], Tier]] = {
    "lint": lint.tier,
    "unit": unit.tier,
    "sanity": sanity.tier,
    "lab": lab.started,
    "integration": lab.integration,
    "molecule": lab.molecule,
    "e2e": lab.e2e,
    "lab-parts": lab.lab_parts,
    "lab-test": lab.lab_test,
}


@contextmanager
def alone() -> Iterator[None]:
    """Hold this checkout for one test run: two would write the same logs and use the same lab."""
    paths.BUILD.mkdir(exist_ok=True)
    with (paths.BUILD / "test.lock").open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Failure(
                "another test run is going on in this checkout. Do: wait for it, or use a second clone."
            ) from error
        yield


def sentence(count: Count) -> str:
    """Return the closing line."""
    return f"{count.passed} passed, {count.failed} failed"


def one(name: str, only: Sequence[str] = ()) -> int:
    """Run one tier (or the named parts of it) by itself, bringing the lab up first where the tier needs it."""
    parts = PARTS.get(name)
    tier = partial(parts, only) if parts and only else TIERS[name]
    done = (lab.with_lab(tier) if name in ON_THE_LAB else tier)()
    say(sentence(done.total))
    return 1 if done.total.failed else 0


def nightly() -> int:
    """Run the tiers with every ansible-core, every seed and all kill points (the tests read NIGHTLY), and Helm 3."""
    os.environ["NIGHTLY"] = "1"
    cores = tuple(environments.CORE_NAMES)
    long = {"unit": lambda: unit.tier((*cores, "oldest")), "sanity": lambda: sanity.tier((*cores, "oldest"))}
    # First in the table, because the tests of the lab itself come last.
    return all_tiers({"helm3": lab.helm3, **{name: long.get(name, tier) for name, tier in TIERS.items()}})


def all_tiers(tiers: Mapping[str, Callable[[], Tier]]) -> int:
    """Run all tiers and take the lab down again (KEEP_LAB=1 leaves it up)."""
    os.environ.setdefault("LAB_NAME", "test")
    with alone():
        shutil.rmtree(paths.LOGS, ignore_errors=True)
        started = time.monotonic()
        done: dict[str, Tier] = {}
        try:
            _abreast(tiers, done)
            _lane([name for name in tiers if name not in done], tiers, done, threading.Event())
        finally:
            if not os.environ.get("KEEP_LAB") and "lab" in done:
                done["lab down"] = lab.stop()
        order = [*tiers, "lab down"]
        return _close({name: done[name] for name in order if name in done}, time.monotonic() - started)


def _abreast(tiers: Mapping[str, Callable[[], Tier]], done: dict[str, Tier]) -> None:
    """Run the lanes at the same time; whoever stops the run stops all of them."""
    lab_known = threading.Event()
    if "lab" not in tiers:
        lab_known.set()
    try:
        with ThreadPoolExecutor(len(LANES)) as pool:
            lanes = [[name for name in lane if name in tiers] for lane in LANES]
            running = [pool.submit(_lane, lane, tiers, done, lab_known) for lane in lanes]
            try:
                for each in as_completed(running):
                    each.result()
            except BaseException:
                end_all()
                raise
            finally:
                lab_known.set()
    finally:
        go_on()


def _lane(
    names: Sequence[str], tiers: Mapping[str, Callable[[], Tier]], done: dict[str, Tier], lab_known: threading.Event
) -> None:
    """Run some tiers one after the other; those on the lab when it is known whether it is up."""
    for name in names:
        if name in ON_THE_LAB:
            lab_known.wait()
        done[name] = _run(name, tiers[name], done)
        if name == "lab":
            lab_known.set()


def _run(name: str, tier: Callable[[], Tier], done: Mapping[str, Tier]) -> Tier:
    if name in ON_THE_LAB and ("lab" not in done or done["lab"].total.failed):
        result = Tier(name, 0.0)
        result.note_failure("start", "The lab is not up, so this tier could not run; see the tier lab.")
        return result
    try:
        return tier()
    except Failure as error:
        result = Tier(name, 0.0)
        result.note_failure("start", str(error))
        return result


def _close(done: Mapping[str, Tier], seconds: float) -> int:
    total = Count()
    say("")
    for name, tier in done.items():
        total += Count(tier.total.passed, tier.total.failed)
        remark = f"  (should take {tier.minutes:g} min)" if tier.late else ""
        remark += f"  failed: {', '.join(tier.failures)}" if tier.failures else ""
        say(
            f"{name:<11} {tier.total.passed:>5} passed {tier.total.failed:>4} failed {tier.spent / 60:6.1f} min{remark}"
        )
    for tier in done.values():
        tier.recall()
    say(f"{'all':<11} {seconds / 60:.1f} min; logs in build/logs")
    say(sentence(total))
    return 1 if total.failed else 0
