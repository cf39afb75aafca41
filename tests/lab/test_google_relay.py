# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The relay of the stand-in for Google on loopback, met by websocket-client: whom it leads where. No lab, no root.

Its protocol is tested with its client, tests/unit/plugins/module_utils/_tunnel/test_iap_relay.py.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import websocket
from standin.relay import SUBPROTOCOL, TAG_DATA, TAG_SID
from standin.testing import Running

P, ZONE, MACHINE = "lab-project", "europe-west1-b", "bastion"
TUNNEL, ROLE = f"projects/{P}/iap_tunnel", "roles/iap.tunnelResourceAccessor"
RESOURCE = f"{TUNNEL}/zones/{ZONE}/instances/{MACHINE}"
CLOUD = "https://www.googleapis.com/auth/cloud-platform"
GUEST = f"guest@{P}.iam.gserviceaccount.com"
NO, NOT_THERE, SILENT, UNKNOWN = 4033, 4047, 4003, 4001


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, documents: Path) -> Iterator[Running]:
    with Running.start(tmp_path_factory.mktemp("relay"), documents) as google, google.names():
        yield google


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A machine that sends back what it gets."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        try:
            while True:
                connection, _address = listening.accept()
                with connection:
                    while data := connection.recv(4096):
                        connection.sendall(data)
        except OSError:
            return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield int(listening.getsockname()[1])
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    thread.join(10)


class Desk:
    """A guest's way to the machine."""

    def __init__(self, google: Running, port: int) -> None:
        google.do(google.app.reset)
        self.google, self.port = google, port
        google.control("POST", "accounts", {"email": GUEST, "project": P, "roles": []})
        card = {"name": "nic0", "networkIP": "127.0.0.1"}
        where = {"where": f"projects/{P}/zones/{ZONE}", "collection": "instances"}
        google.control("POST", "compute", {**where, "body": {"name": MACHINE, "networkInterfaces": [card]}})

    def grant(self, resource: str = RESOURCE, role: str = ROLE, **condition: Any) -> None:
        """The guest gets a role."""
        binding: dict[str, Any] = {"role": role, "members": [f"serviceAccount:{GUEST}"], **condition}
        policy = {"bindings": [binding], "version": 3}
        path = f"/v1/{resource}:setIamPolicy"
        status, answer = self.google.ask("POST", "iap.googleapis.com", path, {"policy": policy}, self.google.token())
        assert status == 200, answer

    def token(self) -> str:
        """One of the guest's."""
        tokens = self.google.app.standin.tokens
        return str(self.google.do(lambda: tokens.grant(GUEST, [CLOUD])[0]))

    def ask(self, word: str = "connect", token: str = "", **other: Any) -> Any:
        """A websocket."""
        usual = {"project": P, "zone": ZONE, "instance": MACHINE, "interface": "nic0", "port": self.port}
        return websocket.create_connection(
            f"wss://tunnel.cloudproxy.app/v4/{word}?{urlencode({**usual, **other})}",
            timeout=10,
            subprotocols=[SUBPROTOCOL],
            origin="bot:iap-tunneler",
            header={"Authorization": f"Bearer {token or self.token()}"},
            sslopt={"ca_certs": str(self.google.ca_file)},
        )

    def refused(self, word: str = "connect", **other: Any) -> int:
        """The close code of a websocket that was refused."""
        with closing(self.ask(word, **other)) as found:
            opcode, data = found.recv_data(control_frame=True)
        assert opcode == websocket.ABNF.OPCODE_CLOSE, data
        return int.from_bytes(data[:2], "big")

    def log(self) -> list[tuple[str, str, int]]:
        """Method, caller and status of the relay's requests."""
        found = self.google.control("GET", "requests")["requests"]
        return [
            (one["method"], one.get("caller", ""), one["status"]) for one in found if one["method"].startswith("tunnel")
        ]


@pytest.fixture
def desk(running: Running, port: int) -> Desk:
    return Desk(running, port)


def opened(found: Any) -> str:
    """The id of a session that was opened."""
    message = found.recv()
    assert int.from_bytes(message[:2], "big") == TAG_SID, message
    return str(message[6:].decode())


@pytest.mark.parametrize("resource", [RESOURCE, f"{TUNNEL}/zones/{ZONE}", TUNNEL])
def test_who_was_granted_the_role_on_the_machine_or_above_gets_there(desk: Desk, resource: str) -> None:
    desk.grant(resource)
    with closing(desk.ask()) as found:
        assert opened(found)
        found.send_binary(struct.pack(">HI", TAG_DATA, 5) + b"hello")
        assert found.recv() == struct.pack(">HI", TAG_DATA, 5) + b"hello"
    assert desk.log() == [("tunnel.connect", GUEST, 101)]


def test_who_was_not_granted_it_is_refused_whatever_he_asks_for(desk: Desk) -> None:
    desk.grant(role="roles/iap.httpsResourceAccessor")
    assert (desk.refused(), desk.refused(instance="nobody")) == (NO, NO)
    assert desk.log() == [("tunnel.connect", GUEST, NO)] * 2


def test_a_grant_on_another_machine_or_one_that_has_ended_is_none(desk: Desk) -> None:
    desk.grant(f"{TUNNEL}/zones/{ZONE}/instances/other")
    assert desk.refused() == NO
    desk.grant(condition={"title": "old", "expression": 'request.time < timestamp("2020-01-01T00:00:00Z")'})
    assert desk.refused() == NO


@pytest.mark.parametrize(
    ("other", "code"),
    [
        ({"project": "elsewhere"}, NO),
        ({"zone": "europe-west1-c"}, NOT_THERE),
        ({"instance": "other"}, NOT_THERE),
        ({"interface": "nic1"}, NOT_THERE),
        ({"port": 70000}, NOT_THERE),
        ({"port": 1}, SILENT),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_every_part_of_the_place_must_be_right(desk: Desk, other: dict[str, Any], code: int) -> None:
    desk.grant(TUNNEL)
    assert desk.refused(**other) == code


def test_a_token_that_the_token_endpoint_did_not_give_is_refused(desk: Desk) -> None:
    desk.grant()
    ended = desk.token()
    desk.google.control("POST", "tokens/expire")
    for token in ("ya29.made-up", ended):
        with pytest.raises(websocket.WebSocketBadStatusException) as caught:
            desk.ask(token=token)
        assert caught.value.status_code == 401
    assert desk.log() == [("tunnel.connect", "", 401)] * 2


def test_a_session_is_taken_up_again_by_its_owner_alone(desk: Desk) -> None:
    desk.grant()
    with closing(desk.ask()) as found:
        sid = opened(found)
        assert desk.google.control("POST", "tunnels/cut")["hit"] == 1
        with pytest.raises((OSError, websocket.WebSocketException)):
            found.recv()
    assert desk.refused("reconnect", sid=sid, ack=0, token=desk.google.token()) == UNKNOWN
    with closing(desk.ask("reconnect", sid=sid, ack=0)) as again:
        assert again.recv() == struct.pack(">HQ", 2, 0)
        assert desk.google.control("POST", "tunnels/forget")["hit"] == 1
    assert desk.refused("reconnect", sid=sid, ack=0) == UNKNOWN


def test_other_paths_are_none_of_google_s(desk: Desk) -> None:
    with pytest.raises(websocket.WebSocketBadStatusException) as caught:
        desk.ask("listen")
    assert caught.value.status_code == 404
    (broken,) = desk.google.control("GET", "violations")["violations"]
    assert "tunnel.cloudproxy.app" in str(broken)
