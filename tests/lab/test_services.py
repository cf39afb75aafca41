# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""DNS and ACME of the lab, and what `services.prepare` writes. The OpenID provider has test_services_oidc.py."""

from __future__ import annotations

import base64
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.resolver
import dns.tsig
import dns.update
import dns.zone
import pytest
import requests
from labkit import services as lab_services
from labkit.services import acme_root
from labkit.services import dns as lab_dns
from labkit.services.files import secret, write
from test_services_support import Target, make_lab, start, stop

SECONDS = 20
AGREE_SECONDS = 20.0


@pytest.fixture
def name() -> str:
    """A name below lab.test that no other test uses."""
    return f"t-{os.getpid()}-{time.monotonic_ns()}"


def answers(server: str, owner: str, kind: str) -> list[str]:
    reply = dns.query.tcp(dns.message.make_query(owner, kind), server, timeout=SECONDS)
    return sorted(item.to_text() for rrset in reply.answer for item in rrset)


def servers(primary: str) -> list[str]:
    """Addresses of all authoritative servers of lab.test, learned from the zone itself."""
    return [answers(primary, host, "A")[0] for host in answers(primary, "lab.test.", "NS")]


def wait_until_all_say(primary: str, owner: str, kind: str, wanted: list[str]) -> dict[str, list[str]]:
    deadline = time.monotonic() + AGREE_SECONDS
    while True:
        seen = {server: answers(server, owner, kind) for server in servers(primary)}
        if all(said == wanted for said in seen.values()) or time.monotonic() > deadline:
            return seen
        time.sleep(0.05)


def keyring(services: Target, secret_text: str = "") -> dict[dns.name.Name, dns.tsig.Key]:
    key = dns.tsig.Key("lab-update.", base64.b64decode(secret_text or services.tsig_secret), dns.tsig.HMAC_SHA256)
    return {key.name: key}


def signed(services: Target, zone: str = "lab.test", secret_text: str = "") -> dns.update.UpdateMessage:
    """An empty update of ``zone``, signed with the lab's key or another secret."""
    return dns.update.UpdateMessage(zone, keyring=keyring(services, secret_text))


def send(update: dns.update.UpdateMessage, server: str) -> str:
    """The server's verdict. knot says BADKEY for a key that is right but not allowed to do this."""
    try:
        reply = dns.query.tcp(update, server, timeout=SECONDS)
    except dns.tsig.PeerBadKey:
        return "BADKEY"
    return dns.rcode.to_text(reply.rcode())


# ---- DNS: refusals -------------------------------------------------------------------------------------------------
def test_update_without_the_key_is_refused(services: Target, name: str) -> None:
    update = dns.update.UpdateMessage("lab.test")
    update.add(name, 5, "TXT", "x")
    assert send(update, services.dns) == "NOTAUTH"
    assert answers(services.dns, f"{name}.lab.test.", "TXT") == []


def test_update_with_a_wrong_key_is_refused(services: Target, name: str) -> None:
    wrong = base64.b64encode(b"0" * 32).decode()
    update = signed(services, secret_text=wrong)
    update.add(name, 5, "TXT", "x")
    with pytest.raises(dns.tsig.PeerBadSignature):
        send(update, services.dns)
    assert answers(services.dns, f"{name}.lab.test.", "TXT") == []


def test_the_other_zone_takes_no_update(services: Target) -> None:
    update = signed(services, "other.test")
    update.add("x", 5, "TXT", "x")
    assert send(update, services.dns) == "BADKEY"


def test_the_secondary_takes_no_update(services: Target, name: str) -> None:
    secondary = servers(services.dns)[1]
    update = signed(services)
    update.add(name, 5, "TXT", "x")
    assert send(update, secondary) == "BADKEY"


def test_transfer_needs_the_key(services: Target) -> None:
    with pytest.raises(dns.xfr.TransferError):
        list(dns.query.xfr(services.dns, "lab.test", timeout=SECONDS))


def test_other_domains_are_not_answered(services: Target) -> None:
    reply = dns.query.udp(dns.message.make_query("example.org.", "A"), services.dns, timeout=SECONDS)
    assert dns.rcode.to_text(reply.rcode()) == "REFUSED"


# ---- DNS: what works -----------------------------------------------------------------------------------------------
def test_two_servers_know_the_labs_names_in_both_families(services: Target) -> None:
    both = servers(services.dns)
    assert len(set(both)) == 2
    for server in both:
        assert answers(server, "lab.test.", "NS") == ["ns1.lab.test.", "ns2.lab.test."]
        for owner in ("issuer", "acme", "ns1", "ns2"):
            four, six = answers(server, f"{owner}.lab.test.", "A"), answers(server, f"{owner}.lab.test.", "AAAA")
            assert four[0].startswith("10.210.") and six[0].startswith("fd00:210:") and len(four + six) == 2


@pytest.mark.parametrize("zone", ["lab.test", "other.test"])
def test_queries_may_be_signed(services: Target, zone: str) -> None:
    for server in servers(services.dns):
        query = dns.message.make_query(zone, "SOA")
        query.use_tsig(keyring(services))
        reply = dns.query.tcp(query, server, timeout=SECONDS)
        assert (dns.rcode.to_text(reply.rcode()), len(reply.answer)) == ("NOERROR", 1)


def test_a_prerequisite_alone_is_answered(services: Target, name: str) -> None:
    """How nsupdate tools ask whether something exists."""
    for owner, verdict in (("issuer", "NOERROR"), (name, "NXRRSET")):
        update = signed(services)
        update.present(owner, "A")
        assert send(update, services.dns) == verdict


@pytest.mark.parametrize("owner", ["{}", "_acme-challenge.{}"])
def test_all_servers_agree_after_an_update(services: Target, name: str, owner: str) -> None:
    owner = owner.format(name)
    update = signed(services)
    update.add(owner, 5, "TXT", "first")
    assert send(update, services.dns) == "NOERROR"
    seen = wait_until_all_say(services.dns, f"{owner}.lab.test.", "TXT", ['"first"'])
    assert list(seen.values()) == [['"first"'], ['"first"']]
    update = signed(services)
    update.delete(owner)
    assert send(update, services.dns) == "NOERROR"
    assert list(wait_until_all_say(services.dns, f"{owner}.lab.test.", "TXT", []).values()) == [[], []]


def test_the_zone_apex_takes_records(services: Target) -> None:
    """Site verification wants a TXT record at the apex."""
    for change in ("add", "delete"):
        update = signed(services)
        getattr(update, change)("@", *([5] if change == "add" else []), "TXT", "verification=1")
        assert send(update, services.dns) == "NOERROR"
        wanted = ['"verification=1"'] if change == "add" else []
        assert answers(services.dns, "lab.test.", "TXT") == wanted


def test_transfer_with_the_key(services: Target) -> None:
    for server in servers(services.dns):
        transfer = dns.query.xfr(server, "lab.test", timeout=SECONDS, relativize=False, keyring=keyring(services))
        zone = dns.zone.from_xfr(transfer, relativize=False)
        assert dns.name.from_text("issuer.lab.test.") in zone.nodes


def test_updates_survive_a_kill_of_both_servers(services: Target, name: str) -> None:
    if services.lab is None or services.running is None:
        pytest.skip("only alone: the shared lab's parts are not killed")
    update = signed(services)
    update.add(name, 5, "TXT", "kept")
    assert send(update, services.dns) == "NOERROR"
    parts = {process.name: process for process in lab_services.processes(services.lab)}
    for part in ("dns", "dns2"):
        services.running[part].kill()
        stop(services.running[part])
        (services.lab.services / part / "knot.pid").write_text(str(os.getpid()))  # a low number that lives again
        services.running[part] = start(parts[part], services.lab.logs)
    assert list(wait_until_all_say(services.dns, f"{name}.lab.test.", "TXT", ['"kept"']).values()) == [['"kept"']] * 2


@pytest.mark.parametrize("tool", ["knsupdate", "kdig"])
def test_the_key_file_for_knots_own_tools(services: Target, name: str, tool: str) -> None:
    key = str(services.tsig_file.with_name("tsig.knot"))
    script = f"server {services.dns}\nzone lab.test\nadd {name}.lab.test. 5 A 192.0.2.7\nsend\n"
    words = {"knsupdate": ["-k", key], "kdig": ["-k", key, f"@{services.dns}", "+short", "lab.test", "AXFR"]}[tool]
    done = subprocess.run([tool, *words], input=script, capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    if tool == "knsupdate":
        assert answers(services.dns, f"{name}.lab.test.", "A") == ["192.0.2.7"]
        update = signed(services)
        update.delete(name)
        assert send(update, services.dns) == "NOERROR"
    else:
        assert "ns1.lab.test. hostmaster.lab.test." in done.stdout


def test_the_key_file_in_bind_format(services: Target) -> None:
    text = services.tsig_file.with_name("tsig.key").read_text()
    wanted = f'key "lab-update." {{ algorithm hmac-sha256; secret "{services.tsig_secret}"; }};'
    assert " ".join(text.split()) == wanted


# ---- ACME ----------------------------------------------------------------------------------------------------------
@pytest.fixture
def web(services: Target) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        session.verify = str(services.ca_file)
        yield session


def test_the_acme_directory(web: requests.Session) -> None:
    found = web.get("https://acme.lab.test:14000/dir", timeout=SECONDS).json()
    assert {"newNonce", "newAccount", "newOrder", "revokeCert"} <= set(found)
    assert not found["meta"]["externalAccountRequired"]
    assert all(found[key].startswith("https://acme.lab.test:14000/") for key in ("newNonce", "newAccount", "newOrder"))


def test_the_root_is_what_issues_and_is_fetched_again_after_a_restart(web: requests.Session, services: Target) -> None:
    root = web.get("https://acme.lab.test:15000/roots/0", timeout=SECONDS).text.strip()
    if services.lab is None or services.running is None:
        assert root in services.ca_file.read_text()
        return
    lab = services.lab
    before = {path.name for path in lab.trust.glob("acme-*.pem")}
    assert root in [path.read_text().strip() for path in lab.trust.glob("acme-*.pem")]
    stop(services.running["acme"])
    part = next(process for process in lab_services.processes(lab) if process.name == "acme")
    services.running["acme"] = start(part, lab.logs)
    after = {path.name for path in lab.trust.glob("acme-*.pem")}
    assert before < after and len(after - before) == 1
    bundle = lab.ca_file.read_text()
    assert all((lab.trust / name).read_text() in bundle for name in after)


def test_an_order_by_dns_01(services: Target, tmp_path: Path, name: str) -> None:
    """Debian's lego, an unmodified ACME client, gets a certificate through an RFC 2136 update."""
    if services.lab is None:
        pytest.skip("only alone: the role letsencrypt proves this in the running lab")
    environment = {
        "PATH": os.environ["PATH"],
        "LEGO_CA_CERTIFICATES": str(services.ca_file),
        "LEGO_DISABLE_CNAME_SUPPORT": "true",
        "RFC2136_NAMESERVER": f"{services.dns}:53",
        "RFC2136_TSIG_KEY": "lab-update.",
        "RFC2136_TSIG_ALGORITHM": "hmac-sha256.",
        "RFC2136_TSIG_SECRET": services.tsig_secret,
        "RFC2136_POLLING_INTERVAL": "1",
        "RFC2136_PROPAGATION_TIMEOUT": "20",
    }
    hosts = tmp_path / "hosts"
    hosts.write_text(f"127.0.0.1 localhost\n{services.lab.acme_ip} acme.lab.test\n")
    resolv = tmp_path / "resolv.conf"
    resolv.write_text(f"nameserver {services.dns}\n")
    words = ["lego", "--accept-tos", "--email", "ada@lab.test", "--path", str(tmp_path)]
    words += ["--server", "https://acme.lab.test:14000/dir"]
    words += ["--dns", "rfc2136", "--dns.resolvers", f"{services.dns}:53"]
    words += ["--domains", f"{name}.lab.test", "run"]
    inside = 'mount --bind "$1" /etc/hosts && mount --bind "$2" /etc/resolv.conf && shift 2 && exec "$@"'
    command = ["unshare", "--mount", "--", "sh", "-c", inside, "sh", str(hosts), str(resolv), *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    chain = tmp_path / "certificates" / f"{name}.lab.test.crt"
    roots = tmp_path / "roots.pem"
    roots.write_text("".join(path.read_text() for path in services.lab.trust.glob("acme-*.pem")))
    check = ["openssl", "verify", "-CAfile", str(roots), "-verify_hostname", f"{name}.lab.test"]
    check += ["-untrusted", str(chain), str(chain)]
    verdict = subprocess.run(check, capture_output=True, text=True, timeout=20, check=False)
    assert verdict.returncode == 0, verdict.stderr
    assert answers(services.dns, f"_acme-challenge.{name}.lab.test.", "TXT") == []


# ---- charts --------------------------------------------------------------------------------------------------------
def test_the_registry_speaks_the_distribution_protocol(web: requests.Session) -> None:
    answer = web.get("https://registry.lab.test:5000/v2/", timeout=SECONDS)
    assert (answer.status_code, answer.headers["Docker-Distribution-Api-Version"]) == (200, "registry/2.0")
    assert web.get("https://registry.lab.test:5000/v2/nobody/tags/list", timeout=SECONDS).status_code == 404


def test_a_file_on_the_shelf_is_served_and_one_that_is_not_there_is_missed(
    web: requests.Session, services: Target, name: str
) -> None:
    shelf = services.lab.charts if services.lab else Path(os.environ["LAB_CHART_REPOSITORY_DIR"])
    (shelf / name).write_text("entries: {}", encoding="utf-8")
    try:
        assert web.get(f"https://charts.lab.test:5443/{name}", timeout=SECONDS).text == "entries: {}"
    finally:
        (shelf / name).unlink()
    assert web.get(f"https://charts.lab.test:5443/{name}", timeout=SECONDS).status_code == 404


# ---- files ---------------------------------------------------------------------------------------------------------
def snapshot(root: Path) -> dict[str, tuple[int, int]]:
    """Mode and time of last change of every file below ``root``."""
    files = [path for path in root.rglob("*") if path.is_file() and not path.is_symlink()]
    return {str(path.relative_to(root)): (path.stat().st_mode & 0o777, path.stat().st_mtime_ns) for path in files}


def test_prepare_twice_changes_nothing(tmp_path: Path) -> None:
    lab = make_lab(tmp_path)
    lab_services.prepare(lab)
    first = snapshot(tmp_path)
    lab_services.prepare(lab)
    assert snapshot(tmp_path) == first
    private = {
        name: mode for name, (mode, _content) in first.items() if name.startswith("secrets/") or name.endswith(".key")
    }
    assert lab.secrets.stat().st_mode & 0o777 == 0o700
    assert len(private) >= 8 and set(private.values()) == {0o600}


def test_new_zone_content_starts_the_zone_afresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = make_lab(tmp_path)
    lab_dns.prepare(lab)
    before = list((lab.services / "dns").glob("zones-*"))
    monkeypatch.setitem(lab_dns.HOSTS, "extra", 19)
    lab_dns.prepare(lab)
    after = list((lab.services / "dns").glob("zones-*"))
    assert len(before) == len(after) == 1 and before != after
    assert f"extra A {lab.v4(19)}\n" in (after[0] / "lab.test.zone").read_text()


def test_a_secret_is_made_once_and_closed(tmp_path: Path) -> None:
    path = tmp_path / "s" / "x"
    assert (secret(path, lambda: "one"), secret(path, lambda: "two")) == ("one", "one")
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("one\n", 0o600)


def test_write_corrects_content_and_mode(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("old")
    write(path, "new", 0o600)
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("new", 0o600)
    path.chmod(0o644)
    write(path, "new", 0o600)
    assert path.stat().st_mode & 0o777 == 0o600


def test_old_roots_go_when_there_are_too_many(tmp_path: Path) -> None:
    for number in range(acme_root.KEEP + 3):
        path = acme_root.keep(f"root {number}\n", tmp_path)
        os.utime(path, (number, number))
    left = sorted(path.read_text() for path in tmp_path.glob("acme-*.pem"))
    assert left == sorted(f"root {number}\n" for number in range(3, acme_root.KEEP + 3))
