# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""The ``helm`` program, majors 3 and 4, as a child process.

The values go to Helm's standard input (``--values -``): they are never in a file, an argument or a process title, so
there is nothing to sweep after a kill. What Helm prints is read as JSON where it offers that, and its messages are
only ever handed on, redacted, never interpreted.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._core.clock import Clock
from .._core.errors import Changed, HubError
from .._core.poll import REPORT_EVERY
from .._core.progress import Reporter
from .._core.redact import Redactor
from .._core.typed import json_object
from .chart import ChartRef, Kind
from .helm_way import way

Json = dict[str, Any]

FIELD_MANAGER = "helm"
"""The name under which Helm applies objects; set by its own main function in both majors."""
OLDEST = (3, 13)
"""The first Helm with ``--dry-run=server`` and ``--labels``."""
HISTORY = 10
"""Revisions Helm keeps; its own default."""
GRACE = 60.0
"""Seconds a child gets beyond its own ``--timeout`` before it is stopped."""
SHORT = 60.0
"""Seconds for a command that only reads."""
STOP_GRACE = 15.0
"""Seconds between SIGTERM and SIGKILL; Helm uses them to mark the release failed."""
LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1
"""From linux/prctl.h."""
OFFLINE = frozenset({"version", "pull"})
"""Commands that never speak to the API server; what they fetch comes the usual way."""
NOISE = ("WARNING", "level=", "walk.go", "warnings.go")
"""Beginnings of lines that are not Helm's reason."""
HELM_SETTINGS = frozenset(
    {"HELM_NAMESPACE", "HELM_DRIVER", "HELM_DEBUG", "HELM_KUBECONTEXT", "HELM_KUBETOKEN", "HELM_KUBEAPISERVER"}
)
"""Settings of the caller's shell that would change what is done and where."""


@dataclass(frozen=True)
class Ran:
    """How one call of Helm ended; a negative code is the signal that ended it."""

    code: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Target:
    """Which release in which cluster.

    Attributes:
        release: name of the release.
        namespace: its namespace.
        kubeconfig: path; None leaves the choice to the environment, as kubectl does.
        context: context in it; None for the current one.
    """

    release: str
    namespace: str
    kubeconfig: str | None
    context: str | None


class Helm:
    """Runs Helm for one release."""

    def __init__(self, binary: str, target: Target, *, clock: Clock, reporter: Reporter, redactor: Redactor) -> None:
        self._binary = binary
        self._target = target
        self._clock = clock
        self._reporter = reporter
        self._redactor = redactor
        self._version: tuple[int, int] | None = None

    def version(self) -> tuple[int, int]:
        """Major and minor version.

        Raises:
            HubError: E-HELM-01 missing, E-HELM-09 too old.
        """
        if self._version is None:
            ran = self._run(["version", "--template", "{{.Version}}"], timeout=SHORT)
            match = re.match(r"v?(\d+)\.(\d+)", ran.stdout.strip())
            if ran.code != 0 or match is None:
                raise _unusable(self._binary, f"`helm version` ended with {ran.code}: {self._last_line(ran)}")
            self._version = (int(match.group(1)), int(match.group(2)))
            if self._version < OLDEST:
                raise HubError(
                    "E-HELM-09",
                    f"{self._binary} is too old",
                    "install Helm 4 (or 3.13 and later) and set helm_binary (z2jh_helm_binary) to it",
                    seen=ran.stdout.strip(),
                    wanted="3.13 or later",
                )
        return self._version

    def pull(self, chart: ChartRef, directory: Path) -> Path:
        """Download a chart into a directory.

        Raises:
            HubError: E-CHART-03.
        """
        source = [chart.ref] if chart.kind is Kind.OCI else [chart.name, "--repo", chart.repository]
        ran = self._run(["pull", *source, "--version", chart.version, "--destination", str(directory)], timeout=300.0)
        files = sorted(directory.glob("*.tgz"))
        if ran.code != 0 or len(files) != 1:
            raise HubError(
                "E-CHART-03",
                f"The chart {chart} cannot be fetched: {self._last_line(ran)}",
                "check reference, version and the way to it (proxy, registry login), or set chart_ref to a local file",
            )
        return files[0]

    def render(self, chart: Path, values: Json, timeout: float) -> Json:
        """The release as the server's dry run gives it: ``manifest``, ``hooks``, ``chart``, ``config``.

        Raises:
            HubError: E-HELM-02.
        """
        ran = self._run(
            ["upgrade", "--install", self._target.release, str(chart), *self._common(), "--dry-run=server"],
            stdin=values,
            timeout=timeout,
            says="rendering the chart on the server",
        )
        return self._json(ran, "render the chart")

    def template(self, chart: Path, values: Json, timeout: float) -> str:
        """The manifest with hooks, for a release that is stuck: an upgrade, even a dry one, is refused then.

        Raises:
            HubError: E-HELM-02.
        """
        place = ["--namespace", self._target.namespace, "--values", "-", *self._context()]
        ran = self._run(
            ["template", self._target.release, str(chart), *place, "--is-upgrade", *self._as_the_server()],
            stdin=values,
            timeout=timeout,
            says="rendering the chart on the server",
        )
        if ran.code != 0:
            raise self._refused(ran, "render the chart")
        return ran.stdout

    def upgrade(self, chart: Path, values: Json, labels: Mapping[str, str], timeout: float) -> Json:
        """The one upgrade (or first install).

        Raises:
            HubError: E-HELM-03 killed, E-HELM-07 failed, E-HELM-10 stopped by us at its time limit; E-HELM-02 when it
                did its work and nobody can read what it says about it.
        """
        marks = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
        ran = self._run(
            [
                *("upgrade", "--install", self._target.release, str(chart), *self._common()),
                *("--cleanup-on-fail", "--timeout", f"{timeout:.0f}s", "--labels", marks),
            ],
            stdin=values,
            timeout=timeout + GRACE,
            says="helm upgrade",
        )
        self._succeeded(ran, "upgrade")
        made = json_object(ran.stdout)
        if made is None:
            raise HubError(
                "E-HELM-02",
                f"Helm has upgraded release {self._target.release}, but what it printed about it is not JSON",
                "see that helm_binary (z2jh_helm_binary) is Helm itself and prints nothing else, then run again",
                changed=Changed.SOME,
            )
        return made

    def rollback(self, revision: int, timeout: float) -> None:
        """Go back to a revision.

        Raises:
            HubError: as :meth:`upgrade`.
        """
        options = ["--namespace", self._target.namespace, "--cleanup-on-fail", "--timeout", f"{timeout:.0f}s"]
        ran = self._run(
            ["rollback", self._target.release, str(revision), *options, *self._apply_options(), *self._context()],
            timeout=timeout + GRACE,
            says=f"helm rollback to revision {revision}",
        )
        self._succeeded(ran, "rollback")

    def uninstall(self, timeout: float) -> None:
        """Remove the release; objects with the keep policy stay.

        Raises:
            HubError: as :meth:`upgrade`.
        """
        options = ["--ignore-not-found", "--wait", "--timeout", f"{timeout:.0f}s", *self._context()]
        ran = self._run(
            ["uninstall", self._target.release, "--namespace", self._target.namespace, *options],
            timeout=timeout + GRACE,
            says="helm uninstall",
        )
        self._succeeded(ran, "uninstall")

    def _common(self) -> list[str]:
        options = ["--namespace", self._target.namespace, "--values", "-", "--reset-values", "--output", "json"]
        return [*options, "--history-max", str(HISTORY), *self._apply_options(), *self._context()]

    def _apply_options(self) -> list[str]:
        """Helm 4 applies on the server; the plan shows every field it takes over from others, so it may take them."""
        return ["--server-side=true", "--force-conflicts"] if self.version()[0] >= 4 else []

    def _as_the_server(self) -> list[str]:
        """Render for the cluster's own version and APIs; Helm 3 otherwise takes those of Kubernetes 1.20."""
        return ["--dry-run=server"] if self.version()[0] >= 4 else ["--dry-run=server", "--validate"]

    def _context(self) -> list[str]:
        return ["--kube-context", self._target.context] if self._target.context else []

    def _json(self, ran: Ran, doing: str) -> Json:
        if ran.code != 0:
            raise self._refused(ran, doing)
        release = json_object(ran.stdout)
        if release is None:
            raise self._refused(Ran(0, "", "its output is not JSON"), doing)
        return release

    def _refused(self, ran: Ran, doing: str) -> HubError:
        if ran.code < 0:
            return _killed(ran.code, doing, Changed.NOTHING)
        return HubError(
            "E-HELM-02",
            f"Helm cannot {doing} for release {self._target.release}: {self._last_line(ran)}",
            "correct the value or the chart that this message names",
        )

    def _succeeded(self, ran: Ran, doing: str) -> None:
        if ran.code == 0:
            return
        if ran.code < 0:
            raise _killed(ran.code, doing, Changed.UNKNOWN)
        raise HubError(
            "E-HELM-07",
            f"Helm could not {doing} release {self._target.release}: {self._last_line(ran)}",
            "remove the cause this message names, then run again; homes and database are untouched",
            changed=Changed.SOME,
        )

    def _last_line(self, ran: Ran) -> str:
        """What Helm gave as its reason, redacted: its last words, or all of them where they belong together."""
        text = self._redactor.text(ran.stderr.strip() or ran.stdout.strip())
        lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith(NOISE)]
        starts = [index for index, line in enumerate(lines) if line.startswith("Error:")]
        told = " ".join(lines[starts[-1] :] if starts else lines[-1:]).removeprefix("Error: ")
        return (told[:900] or "it gave no reason").rstrip(".")

    def _run(self, arguments: Sequence[str], *, timeout: float, stdin: Json | None = None, says: str = "") -> Ran:
        """One call, never longer than ``timeout`` seconds; the child does not outlive this process."""
        environ = child_environment(os.environ, self._target.kubeconfig)
        if arguments[0] in OFFLINE:
            return self._spoken(self._child(arguments, environ, (), stdin), timeout, stdin, says)
        with way(environ, self._target.context) as (environ, files):
            return self._spoken(self._child(arguments, environ, files, stdin), timeout, stdin, says)

    def _child(
        self, arguments: Sequence[str], environ: Mapping[str, str], files: tuple[int, ...], stdin: Json | None
    ) -> subprocess.Popen[str]:
        try:
            return subprocess.Popen(  # pylint: disable=ansible-bad-function  # run_command has no time limit
                [find_binary(self._binary), *arguments],
                stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=environ,
                pass_fds=files,
                # Safe beside the Lease's thread: the child makes one system call through a pointer looked up before.
                preexec_fn=_end_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509
            )
        except OSError as problem:
            raise _unusable(self._binary, problem.strerror or str(problem)) from problem

    def _spoken(self, child: subprocess.Popen[str], timeout: float, stdin: Json | None, says: str) -> Ran:
        try:
            return self._communicate(child, json.dumps(stdin) if stdin is not None else None, timeout, says)
        finally:
            _stop(child)

    def _communicate(self, child: subprocess.Popen[str], text: str | None, timeout: float, says: str) -> Ran:
        start = self._clock.monotonic()
        while True:
            passed = self._clock.monotonic() - start
            if passed >= timeout:
                raise HubError(
                    "E-HELM-10",
                    f"`{says or 'helm'}` did not end within {timeout:.0f} s and was stopped",
                    "look at the release's pods and hooks; raise timeout (z2jh_timeout) if they need longer; run again",
                    changed=Changed.UNKNOWN,
                )
            try:
                out, err = child.communicate(text, timeout=min(REPORT_EVERY, timeout - passed))
            except subprocess.TimeoutExpired:
                text = None  # already being sent
                waited = self._clock.monotonic() - start
                self._reporter.say(f"waiting: {says or 'helm'} runs; {waited:.0f} s of at most {timeout:.0f} s")
                continue
            return Ran(child.returncode, out, err)


def find_binary(name: str) -> str:
    """The path of the Helm program.

    Raises:
        HubError: E-HELM-01.
    """
    found = shutil.which(os.path.expanduser(name))
    if found is None:
        raise _unusable(name, "no such program, or not executable")
    return found


def child_environment(environ: Mapping[str, str], kubeconfig: str | None) -> dict[str, str]:
    """The caller's environment without the settings that would redirect Helm."""
    kept = {key: value for key, value in environ.items() if key not in HELM_SETTINGS}
    if kubeconfig:
        kept["KUBECONFIG"] = os.path.expanduser(kubeconfig)
    return kept


def _unusable(binary: str, reason: str) -> HubError:
    return HubError(
        "E-HELM-01",
        f"Helm cannot be run as {binary}: {reason}",
        "install Helm 4 (https://helm.sh/docs/intro/install/) or set helm_binary (z2jh_helm_binary) to its path",
    )


def _killed(code: int, doing: str, changed: Changed) -> HubError:
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return HubError(
        "E-HELM-03",
        f"Helm was killed by {name} during {doing}",
        ("run again" if changed is Changed.NOTHING else "run again with -e z2jh_pending_policy=rollback")
        + "; if it happens again, look for the out-of-memory killer in the controller's kernel log",
        seen=name,
        wanted="an exit of its own",
        changed=changed,
        details={"signal": name},
    )


def _stop(child: subprocess.Popen[str]) -> None:
    """End a child that still runs, first politely."""
    if child.poll() is None:
        child.terminate()
        with suppress(subprocess.TimeoutExpired):
            child.wait(STOP_GRACE)
    if child.poll() is None:
        child.kill()
        child.wait()
    for stream in (child.stdin, child.stdout, child.stderr):
        if stream is not None:
            stream.close()


def _end_with_parent() -> None:
    """In the child, before Helm starts: get SIGTERM when the module dies, so that no writer is left unattended."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
