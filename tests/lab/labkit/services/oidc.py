# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The OpenID provider: tests/lab/oidc, run by the cache's Node. Its packages come by ``npm ci``, once per lock file."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from pathlib import Path

from labkit import build, pki
from labkit.paths import AUTOMATION_CLIENT, HTTPS_PORT, OIDC_CLIENT, ZONE, Lab
from labkit.process import Process, ReadyCheck
from labkit.say import run
from labkit.services.files import secret, write

NO_DISCOVERY_PORT = 8444
TOKEN_SECONDS = 120  # decisions: tokens handed to the collection live 2 minutes, so renewal is exercised
HOST = 10
NPM_SECONDS = 300.0
PACKAGE_FILES = ("package.json", "package-lock.json")
# Which registry npm asks is the machine's business.
NPM_CI = ("ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")


def _node(lab: Lab) -> Path:
    return build.tools(lab.cache).node


def _source(lab: Lab) -> Path:
    return lab.source / "oidc"


def _home(lab: Lab) -> Path:
    return lab.services / "oidc"


def _config_file(lab: Lab) -> Path:
    return lab.etc / "oidc" / "oidc.json"


def npm_packages(lab: Lab) -> Path:
    """The ``node_modules`` for the lock file, from the cache or installed into it."""
    files = [_source(lab) / name for name in PACKAGE_FILES]
    label = "npm packages of the OpenID provider"
    return (
        build.cached(lab.cache, "oidc", build.digest(*files), label, lambda work: _npm_ci(lab, work)) / "node_modules"
    )


def _npm_ci(lab: Lab, work: Path) -> None:
    for name in PACKAGE_FILES:
        shutil.copyfile(_source(lab) / name, work / name)
    tools = _node(lab).parent
    environment = {**os.environ, "PATH": f"{tools}:{os.environ.get('PATH', '/usr/bin:/bin')}"}
    run(
        [tools / "npm", *NPM_CI], limit=NPM_SECONDS, cwd=work, env=environment,
        do="check that npm reaches its registry, then run this again",
    )  # fmt: skip


def _lay_out(lab: Lab, packages: Path) -> Path:
    """Copy the program beside a link to its packages (Node looks for packages upwards from the program's file)."""
    program = _home(lab) / "program"
    for script in sorted(_source(lab).glob("*.mjs")):
        if not script.name.endswith(".test.mjs"):
            write(program / script.name, script.read_text(encoding="utf-8"))
    write(program / "directory.json", (_source(lab) / "directory.json").read_text(encoding="utf-8"))
    link = program / "node_modules"
    if not link.is_symlink() or link.readlink() != packages:
        link.unlink(missing_ok=True)
        link.symlink_to(packages)
    return program


def _config(lab: Lab, program: Path, certificate: pki.Issued) -> dict[str, object]:
    return {
        "issuer": lab.issuer,
        "listen": [lab.v4(HOST), lab.v6(HOST)],
        "port": HTTPS_PORT,
        "no_discovery_port": NO_DISCOVERY_PORT,
        "token_seconds": TOKEN_SECONDS,
        "hubs": {"domain": ZONE, "ports": ["", str(HTTPS_PORT)]},
        "certificate_file": str(certificate.chain),
        "key_file": str(certificate.key),
        "state_directory": str(_home(lab) / "state"),
        "directory_file": str(program / "directory.json"),
        "client_secret_files": {
            OIDC_CLIENT: str(lab.oidc_client_secret_file),
            AUTOMATION_CLIENT: str(lab.automation_client_secret_file),
        },
    }


def prepare(lab: Lab) -> None:
    """Packages, program, certificate, client secrets, configuration."""
    for path in (lab.oidc_client_secret_file, lab.automation_client_secret_file):
        secret(path, lambda: secrets.token_urlsafe(32))
    certificate = pki.issue(lab.pki, "issuer", names=[f"issuer.{ZONE}"], ips=[lab.v4(HOST), lab.v6(HOST)])
    program = _lay_out(lab, npm_packages(lab))
    (_home(lab) / "state").mkdir(exist_ok=True, mode=0o700)
    write(_config_file(lab), json.dumps(_config(lab, program, certificate), indent=2) + "\n")


def process(lab: Lab) -> Process:
    """The provider as the supervisor runs it: about 90 MiB resident."""
    program = _home(lab) / "program"
    scripts = [str(path) for path in sorted(program.glob("*.mjs"))]
    secret_files = [str(lab.oidc_client_secret_file), str(lab.automation_client_secret_file)]
    certificate = [str(lab.pki / "issuer-chain.pem"), str(lab.pki / "issuer.key")]
    return Process(
        name="oidc",
        argv=(
            str(_node(lab)), "--disable-warning=ExperimentalWarning", "--max-old-space-size=128",
            str(program / "server.mjs"), str(_config_file(lab)),
        ),
        env={"NODE_ENV": "production"},
        ready=ReadyCheck("http", f"https://{lab.issuer_ip}:{HTTPS_PORT}/healthz", ca=str(lab.pki / "ca.pem")),
        inputs=(str(_config_file(lab)), str(program / "directory.json"), *scripts, *secret_files, *certificate),
        cwd=str(program),
    )  # fmt: skip
