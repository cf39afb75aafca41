# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Authoritative DNS: two of Debian's knotd, a primary (ns1) and a secondary (ns2) that follows by NOTIFY and transfer.

``lab.test`` takes RFC 2136 updates and transfers signed with the TSIG key ``lab-update.``; ``other.test`` takes no
update. Queries may be signed with that key, too: tools such as Ansible's nsupdate module do so to learn what is there.
(No rule protects the names the lab itself needs: with a deny rule for some owners, knot also refuses the signed queries
and the updates of prerequisites only that those tools send.)

The data directory's name carries a hash of the zones' first content: when that changes (other addresses, a newer
lab), the zones start afresh; otherwise updates survive a restart and a kill -9 (they are in knot's journal).
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import shutil
import time
from pathlib import Path

from labkit.paths import TSIG_NAME, ZONE, Lab
from labkit.process import Process, ReadyCheck
from labkit.services.files import secret, write

OTHER_ZONE = "other.test"
TRANSFER_KEY = "lab-transfer."
ALGORITHM = "hmac-sha256"
HOSTS = {"issuer": 10, "acme": 11, "ns1": 12, "ns2": 14, "google": 15, "registry": 20, "charts": 20}
PRIMARY, SECONDARY = HOSTS["ns1"], HOSTS["ns2"]
TTL = 30  # seconds; short, because tests change records and look again

_COMMON = """\
server:
  rundir: {run}
  pidfile: {run}/knot.pid
  listen: [ {v4}@53, {v6}@53 ]
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
log:
- target: stdout
  any: info
database:
  storage: {data}
  journal-db-max-size: 64M
  kasp-db-max-size: 16M
  timer-db-max-size: 16M
  catalog-db-max-size: 16M
include: {keys}
"""

_PRIMARY = """\
remote:
- id: secondary
  address: {peer}@53
  key: {transfer}
acl:
- id: query
  key: {update}
  action: query
- id: update
  key: {update}
  action: [ update, transfer ]
- id: transfer
  key: {transfer}
  action: transfer
template:
- id: default
  storage: {data}
  file: "%s.zone"
  serial-policy: unixtime
  journal-content: changes
  zonefile-sync: 0
  notify: secondary
zone:
- domain: {zone}
  acl: [ query, update, transfer ]
- domain: {other}
  acl: [ query, transfer ]
"""

_SECONDARY = """\
remote:
- id: primary
  address: {peer}@53
  key: {transfer}
acl:
- id: notify
  key: {transfer}
  action: notify
- id: read
  key: {update}
  action: [ query, transfer ]
template:
- id: default
  storage: {data}
  file: "%s.zone"
  master: primary
  acl: [ notify, read ]
  journal-content: changes
  zonefile-sync: 0
zone:
- domain: {zone}
- domain: {other}
"""


def zone_text(lab: Lab, zone: str) -> str:
    """The zone's first content, with the placeholder SERIAL. Refresh 10 s, retry 2 s: a lost NOTIFY heals quickly."""
    lines = [
        f"$ORIGIN {zone}.",
        f"$TTL {TTL}",
        f"@ SOA ns1.{ZONE}. hostmaster.{ZONE}. SERIAL 10 2 86400 1",
        f"@ NS ns1.{ZONE}.",
        f"@ NS ns2.{ZONE}.",
    ]
    if zone == ZONE:
        for name, host in HOSTS.items():
            lines += [f"{name} A {lab.v4(host)}", f"{name} AAAA {lab.v6(host)}"]
    return "\n".join(lines) + "\n"


def _generation(lab: Lab) -> str:
    """Short hash of what the zones start with; part of the data directories' names."""
    return hashlib.sha256("".join(zone_text(lab, zone) for zone in (ZONE, OTHER_ZONE)).encode()).hexdigest()[:8]


def _home(lab: Lab, name: str) -> Path:
    return lab.services / name


def _data(lab: Lab, name: str) -> Path:
    return _home(lab, name) / f"zones-{_generation(lab)}"


def _config_file(lab: Lab, name: str) -> Path:
    return lab.etc / "dns" / f"{name}.conf"


def _keys_file(lab: Lab) -> Path:
    return lab.secrets / "dns-keys.conf"


def _new_key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode("ascii")


def _write_keys(lab: Lab) -> None:
    """The update key in the formats tools ask for, and both keys as knotd reads them."""
    update = secret(lab.tsig_file, _new_key)
    transfer = secret(lab.secrets / "tsig-transfer", _new_key)
    bind = f'key "{TSIG_NAME}" {{\n  algorithm {ALGORITHM};\n  secret "{update}";\n}};\n'
    write(lab.secrets / "tsig.key", bind, 0o600)
    write(lab.secrets / "tsig.knot", f"{ALGORITHM}:{TSIG_NAME}:{update}\n", 0o600)
    entries = [
        f"- id: {name}\n  algorithm: {ALGORITHM}\n  secret: {value}\n"
        for name, value in ((TSIG_NAME, update), (TRANSFER_KEY, transfer))
    ]
    write(_keys_file(lab), "key:\n" + "".join(entries), 0o600)


def _write_config(lab: Lab, name: str, text: str, host: int, peer: int) -> None:
    data = _data(lab, name)
    values = {
        "run": _home(lab, name), "data": data, "keys": _keys_file(lab), "v4": lab.v4(host), "v6": lab.v6(host),
        "peer": lab.v4(peer), "update": TSIG_NAME, "transfer": TRANSFER_KEY, "zone": ZONE, "other": OTHER_ZONE,
    }  # fmt: skip
    data.mkdir(parents=True, exist_ok=True)
    write(_config_file(lab, name), (_COMMON + text).format(**values))
    for old in _home(lab, name).glob("zones-*"):
        if old != data:
            shutil.rmtree(old)


def prepare(lab: Lab) -> None:
    """Keys, configuration, and the zones' first content unless the primary has them already."""
    _write_keys(lab)
    _write_config(lab, "dns", _PRIMARY, PRIMARY, SECONDARY)
    _write_config(lab, "dns2", _SECONDARY, SECONDARY, PRIMARY)
    for zone in (ZONE, OTHER_ZONE):
        path = _data(lab, "dns") / f"{zone}.zone"
        if not path.exists():
            # Time as serial: higher than whatever a secondary or a resolver saw before the zone started afresh.
            write(path, zone_text(lab, zone).replace("SERIAL", str(int(time.time()))))


def _process(lab: Lab, name: str, host: int, requires: tuple[str, ...]) -> Process:
    config, run = str(_config_file(lab, name)), _home(lab, name)
    # knotd refuses to start while its old pid file names a living process, and after a crash of the whole lab the
    # same low number soon belongs to another one. The supervisor alone decides how many run.
    start = ("/bin/sh", "-c", 'rm -f "$1" && exec knotd -c "$2"', name, str(run / "knot.pid"), config)
    ask = 'test -n "$(kdig +short +tcp +timeout=2 +retry=0 "@$1" "$2" SOA)"'
    answers = ("/bin/sh", "-c", ask, name, lab.v4(host), ZONE)
    return Process(
        name=name,
        argv=start,
        ready=ReadyCheck("command", command=answers),
        requires=requires,
        inputs=(config, str(_keys_file(lab))),
    )


def processes(lab: Lab) -> list[Process]:
    """Primary and secondary; the secondary is ready when it has transferred the zone."""
    return [_process(lab, "dns", PRIMARY, ()), _process(lab, "dns2", SECONDARY, ("dns",))]
