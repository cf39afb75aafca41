# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in for Google: tests/lab/google, run by this Python with packages from the cache.

The discovery documents come from the wheel of google-api-python-client, cut down once to what the stand-in answers.
"""

from __future__ import annotations

import json
import os
import sys
import zipfile
from pathlib import Path

from labkit import build, pki
from labkit.kubeconf import google_hosts
from labkit.paths import (
    GOOGLE_ACCOUNT,
    GOOGLE_CLUSTER,
    GOOGLE_LOCATION,
    GOOGLE_PROJECT,
    HTTPS_PORT,
    TSIG_NAME,
    ZONE,
    Lab,
)
from labkit.process import Process, ReadyCheck
from labkit.say import LabError, run
from labkit.services.files import write

HOST = 15
PACKAGES = ("cryptography==50.0.2", "dnspython==2.9.2")
DOCUMENTS = "google-api-python-client==2.202.0"
INSIDE_WHEEL = "googleapiclient/discovery_cache/documents/"
PIP_SECONDS = 300.0
AUTHORITY = "google-ca"


def _source(lab: Lab) -> Path:
    return lab.source / "google"


def _home(lab: Lab) -> Path:
    return lab.services / "google"


def _config_file(lab: Lab) -> Path:
    return lab.etc / "google" / "google.json"


def packages(lab: Lab) -> Path:
    """``site`` with the Python packages and ``documents`` with Google's discovery documents, in the cache."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    key = build.digest(*PACKAGES, DOCUMENTS, *_wanted(_source(lab)), version)
    return build.cached(lab.cache, "google", key, "packages of the stand-in for Google", lambda work: _fetch(lab, work))


def _fetch(lab: Lab, work: Path) -> None:
    python = build.tools(lab.cache).python
    common = ["-q", "--disable-pip-version-check", "--only-binary", ":all:"]
    hint = "check that pip reaches its package index, then run this again"
    run([python, "-m", "pip", "install", *common, "--target", work / "site", *PACKAGES], limit=PIP_SECONDS, do=hint)
    run([python, "-m", "pip", "download", *common, "--no-deps", "-d", work, DOCUMENTS], limit=PIP_SECONDS, do=hint)
    wheel = next(work.glob("google_api_python_client-*.whl"))
    target = work / "documents"
    target.mkdir()
    with zipfile.ZipFile(wheel) as archive:
        for name in _wanted(_source(lab)):
            (target / name).write_bytes(archive.read(INSIDE_WHEEL + name))
    wheel.unlink()


def _wanted(source: Path) -> list[str]:
    """File names of the documents, as the stand-in's own list says."""
    names = json.loads((source / "names.json").read_text(encoding="ascii"))["documents"]
    return [f"{name}.json" for name in names]


def _environment(lab: Lab) -> dict[str, str]:
    return {"PYTHONPATH": f"{_source(lab)}:{packages(lab) / 'site'}", "PYTHONPYCACHEPREFIX": str(_home(lab) / "cache")}


def _cut_documents(lab: Lab) -> Path:
    """The documents as the stand-in reads them, made anew when the stand-in or the documents changed."""
    target = _home(lab) / "documents"
    mark, wanted = _home(lab) / "documents.digest", build.digest(packages(lab).name, _source(lab))
    if not mark.is_file() or mark.read_text(encoding="ascii") != wanted:
        words = [sys.executable, "-m", "standin.discovery", packages(lab) / "documents", target]
        run(words, limit=60, env={**os.environ, **_environment(lab)}, do="look at the message above")
        write(mark, wanted)
    return target


def _people(lab: Lab) -> dict[str, dict[str, str]]:
    """Those who can sign in with a browser: the same as at the lab's OpenID provider."""
    directory = json.loads((lab.source / "oidc" / "directory.json").read_text(encoding="utf-8"))
    return {user["email"]: {"password": user["password"]} for user in directory["users"]}


def _config(lab: Lab, documents: Path, certificate: pki.Issued) -> dict[str, object]:
    def pem(name: str) -> str:
        return str(lab.pki / name)

    return {
        "listen": [lab.v4(HOST), lab.v6(HOST)],
        "port": 443,
        "certificate": str(certificate.chain),
        "key": str(certificate.key),
        "documents": str(documents),
        "state": str(_home(lab) / "state"),
        "project": GOOGLE_PROJECT,
        "pool": list(lab.google_doors),
        "account": GOOGLE_ACCOUNT,
        "account_key_file": str(lab.google_account_file),
        "people": _people(lab),
        "dns": {
            "zone": f"{ZONE}.",
            "server": lab.knot_ip,
            "resolver": lab.knot_ip,
            "key_name": TSIG_NAME,
            "key_file": str(lab.tsig_file),
            "servers": [f"ns1.{ZONE}.", f"ns2.{ZONE}."],
        },
        "kubernetes": {
            "server": lab.api_server,
            "ca": pem("ca.pem"),
            "certificate": pem("client-admin.pem"),
            "key": pem("client-admin.key"),
            "location": GOOGLE_LOCATION,
            "cluster": GOOGLE_CLUSTER,
        },
        "door": {
            "addresses": list(lab.google_doors),
            "ports": [443, HTTPS_PORT],
            "authority": pem(f"{AUTHORITY}.pem"),
            "authority_key": pem(f"{AUTHORITY}.key"),
        },
    }


def prepare(lab: Lab) -> None:
    """Packages, documents, certificates, configuration; the authority of the doors becomes trusted."""
    if not (lab.pki / "ca.pem").exists():
        raise LabError("E-LAB-CA  The lab's CA is not there yet. Do: report this.")
    names = [*google_hosts(lab), f"google.{ZONE}"]
    certificate = pki.issue(lab.pki, "google", names=names, ips=[lab.v4(HOST), lab.v6(HOST)])
    authority = pki.make_authority(lab.pki, AUTHORITY, "Lab stand-in for Google Trust Services")
    write(lab.trust / f"{AUTHORITY}.pem", authority.read_text(encoding="ascii"))
    _home(lab).mkdir(parents=True, exist_ok=True)
    documents = _cut_documents(lab)
    write(_config_file(lab), json.dumps(_config(lab, documents, certificate), indent=2) + "\n")


def process(lab: Lab) -> Process:
    """The stand-in as the supervisor runs it: about 60 MiB resident; it waits for the API server by itself."""
    config, mark = str(_config_file(lab)), str(_home(lab) / "documents.digest")
    return Process(
        name="google",
        argv=(sys.executable, "-m", "standin", config),
        env=_environment(lab),
        ready=ReadyCheck("http", f"https://{lab.google_ip}/control/health", ca=str(lab.pki / "ca.pem")),
        inputs=(config, mark, str(lab.pki / "google-chain.pem"), str(lab.pki / "google.key")),
    )
