# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door of the stand-in for Google, on loopback: who gets in, what the hub sees, websockets, certificates, pages."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from standin import http as wire
from standin import jose
from standin.apis import compute
from standin.door import iap, routing
from standin.http import Reply, Request
from standin.testing import Running
from standin.world import World

P, GLOBAL = "lab-project", "projects/lab-project/global"
WEB, ME = "roles/iap.httpsResourceAccessor", f"automation@{P}.iam.gserviceaccount.com"
HOST, ADDRESS = "hub.lab.test", "127.0.0.1"


# ---- a hub behind the door -----------------------------------------------------------------------------------------
class Hub:
    """Answers with what it saw; ``/slow`` takes its time; an upgrade becomes an echo."""

    def __init__(self) -> None:
        self.port, self._loop = 0, asyncio.new_event_loop()
        ready = threading.Event()

        async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            line, headers = await wire.read_head(reader)
            if "upgrade" in wire.header(headers, "connection").lower():
                writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
                while data := await reader.read(1024):
                    writer.write(b"echo:" + data)
                writer.close()
                return
            body = await wire.read_body(reader, headers)
            if "/slow" in line:
                await asyncio.sleep(60)
            shown = json.dumps({"line": line, "headers": headers, "body": body.decode()}).encode()
            if "/stream" in line:
                writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                writer.write(f"{len(shown):x}\r\n".encode() + shown + b"\r\n0\r\n\r\n")
            else:
                writer.write(Reply(200, shown, [("Content-Type", "application/json")]).head() + shown)
            await writer.drain()
            writer.close()

        async def serve() -> None:
            server = await asyncio.start_server(connection, "127.0.0.1", 0)
            self.port = server.sockets[0].getsockname()[1]
            ready.set()

        def run() -> None:
            self._loop.run_until_complete(serve())
            self._loop.run_forever()

        threading.Thread(target=run, daemon=True).start()
        assert ready.wait(10)


class Doors:
    """A stand-in whose load balancer leads to a hub."""

    def __init__(self, google: Running, secure: int, hub: Hub) -> None:
        self.google, self.secure, self.hub = google, secure, hub
        self.plain = google.app.config.door.plain if google.app.config.door else 0

    @property
    def world(self) -> World:
        return self.google.app.standin.world

    def build(self, *, active: bool = True, iap_on: bool = True, timeout: int = 30) -> None:
        """What GKE's controller would have made."""
        world = self.world
        backend = compute.create(
            world, GLOBAL, "backendServices", {"name": "b", "iap": {"enabled": iap_on}, "timeoutSec": timeout}
        )
        cert = compute.create(world, GLOBAL, "sslCertificates", {"name": "c", "managed": {"domains": [HOST]}})
        cert["managed"]["status"] = "ACTIVE" if active else "PROVISIONING"
        rule = {"hosts": [HOST], "pathMatcher": "h"}
        matcher = {"name": "h", "defaultService": backend["selfLink"], "pathRules": []}
        url_map = compute.create(
            world, GLOBAL, "urlMaps",
            {"name": "m", "defaultService": "", "hostRules": [rule], "pathMatchers": [matcher]},
        )  # fmt: skip
        redirect = compute.create(
            world, GLOBAL, "urlMaps", {"name": "r", "defaultUrlRedirect": {"httpsRedirect": True}}
        )
        proxy = compute.create(
            world, GLOBAL, "targetHttpsProxies",
            {"name": "p", "urlMap": url_map["selfLink"], "sslCertificates": [cert["selfLink"]]},
        )  # fmt: skip
        plain = compute.create(world, GLOBAL, "targetHttpProxies", {"name": "q", "urlMap": redirect["selfLink"]})
        for name, target, ports in (("s", proxy, "443-443"), ("t", plain, "80-80")):
            body = {"name": name, "IPAddress": ADDRESS, "portRange": ports, "target": target["selfLink"]}
            compute.create(world, GLOBAL, "forwardingRules", body)
        pod = {"ipAddress": "127.0.0.1", "port": self.hub.port, "healthState": "HEALTHY"}
        world.health[backend["selfLink"]] = [pod]

    @property
    def backend(self) -> dict[str, Any]:
        return self.world.compute[f"{GLOBAL}/backendServices"]["b"]

    def grant(self, *members: str) -> None:
        name = iap.canonical(self.world.projects[P], self.backend)
        policy = {"bindings": [{"role": WEB, "members": list(members)}]}
        self.google.do(lambda: self.world.history(name).write(self.world.now() - 1, policy, lambda _m: True))

    def connect(self, name: str = HOST) -> ssl.SSLSocket:
        context = ssl.create_default_context(cafile=str(self.google.ca_file))
        return context.wrap_socket(socket.create_connection((ADDRESS, self.secure), 20), server_hostname=name)

    def ask(self, path: str = "/", verb: str = "GET", body: Any = None, **headers: str) -> tuple[int, Any, Any]:
        """Status, headers, and what the hub saw (or the door's words)."""
        connection = http.client.HTTPConnection(ADDRESS, self.secure, timeout=20)
        connection.sock = self.connect()
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        connection.request(verb, path, body, {"Host": HOST, **named})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, answer.headers, json.loads(text) if text.startswith("{") else text

    def token(self, **claims: Any) -> str:
        """A JWT the service account signs for this door."""
        key, now = json.loads(self.google.account_file.read_text()), int(time.time())
        usual = {"iss": ME, "sub": ME, "aud": f"https://{HOST}/*", "iat": now, "exp": now + 600}
        return jose.sign(jose.private(key["private_key"]), usual | claims, key["private_key_id"])

    def bearer(self, **claims: Any) -> dict[str, str]:
        return {"Proxy_Authorization": f"Bearer {self.token(**claims)}"}

    def cookie(self, email: str) -> dict[str, str]:
        return {"Cookie": self.google.control("POST", "sessions", {"email": email})["cookie"]}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, documents: Path) -> Iterator[Doors]:
    where = tmp_path_factory.mktemp("door")
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        port = probe.getsockname()[1]
    people = {"ada@lab.test": {"password": "demo-ada"}, "bob@lab.test": {"password": "demo-bob"}}
    with Running.start(where, documents, door=((ADDRESS,), (port,)), people=people) as google:
        yield Doors(google, port, Hub())


@pytest.fixture
def doors(running: Doors) -> Doors:
    running.google.do(running.google.app.reset)
    return running


def seen(answer: tuple[int, Any, Any]) -> dict[str, str]:
    """The headers the hub saw, names in lower case."""
    assert answer[0] == 200, answer
    return {key.lower(): value for key, value in answer[2]["headers"]}


# ---- who gets in ---------------------------------------------------------------------------------------------------
def test_a_listed_service_account_gets_in_and_is_vouched_for(doors: Doors) -> None:
    doors.build()
    doors.grant(f"serviceAccount:{ME}")
    got = seen(doors.ask("/hub/", **doors.bearer()))
    header, claims, signed, signature = jose.split(got["x-goog-iap-jwt-assertion"])
    _status, keys = doors.google.ask("GET", "www.gstatic.com", "/iap/verify/public_key-jwk")
    (key,) = [one for one in keys["keys"] if one["kid"] == header["kid"]]
    assert header["alg"] == key["alg"] == "ES256" and _es256(key, signed, signature)
    number = doors.world.projects[P]["number"]
    assert claims["aud"] == f"/projects/{number}/global/backendServices/{doors.backend['id']}"
    assert (claims["iss"], claims["email"]) == ("https://cloud.google.com/iap", ME)
    assert claims["exp"] - claims["iat"] == 600
    assert got["x-goog-authenticated-user-email"] == f"accounts.google.com:{ME}"
    assert "proxy-authorization" not in got
    assert (got["x-forwarded-proto"], got["host"]) == ("https", HOST)


def _es256(key: dict[str, str], signed: bytes, signature: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, utils

    x, y = (int.from_bytes(jose.decode(key[name]), "big") for name in ("x", "y"))
    numbers = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1())
    der = utils.encode_dss_signature(*(int.from_bytes(part, "big") for part in (signature[:32], signature[32:])))
    try:
        numbers.public_key().verify(der, signed, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def test_an_unlisted_one_does_not(doors: Doors) -> None:
    doors.build()
    doors.grant("user:ada@lab.test")
    status, headers, text = doors.ask("/", **doors.bearer())
    assert status == 403 and ME in text and headers["X-Goog-IAP-Generated-Response"] == "true"


@pytest.mark.parametrize(
    ("claims", "word"),
    [
        ({"aud": "https://other.lab.test/*"}, "audience"),
        ({"aud": f"https://{HOST}/else"}, "audience"),
        ({"sub": "user@x.org"}, "'sub'"),
        ({"iss": "nobody@x.org", "sub": "nobody@x.org"}, "account not found"),
        ({"exp": time.time() + 90000}, "short-lived"),
        ({"iat": 10, "exp": 600}, "short-lived"),
    ],
)
def test_a_token_that_is_no_good(doors: Doors, claims: dict[str, Any], word: str) -> None:
    doors.build()
    doors.grant("allAuthenticatedUsers")
    status, _headers, text = doors.ask("/", **doors.bearer(**claims))
    assert status == 401 and word in text


def test_a_token_signed_by_somebody_else(doors: Doors) -> None:
    doors.build()
    doors.grant("allAuthenticatedUsers")
    now = int(time.time())
    claims = {"iss": ME, "sub": ME, "aud": f"https://{HOST}/*", "iat": now, "exp": now + 600}
    forged = jose.sign(jose.private(jose.new_rsa()), claims, "k")
    assert doors.ask("/", Proxy_Authorization=f"Bearer {forged}")[0] == 401
    assert doors.ask("/", Proxy_Authorization="Bearer rubbish")[0] == 401
    assert doors.ask("/", Proxy_Authorization="Basic YTpi")[0] == 401


def test_an_exact_url_as_audience(doors: Doors) -> None:
    doors.build()
    doors.grant(f"serviceAccount:{ME}")
    token = doors.bearer(aud=f"https://{HOST}/hub/api")
    assert doors.ask("/hub/api?x=1", **token)[0] == 200
    assert doors.ask("/hub/ap", **token)[0] == 401


def test_a_token_google_vouches_with_needs_a_known_client(doors: Doors) -> None:
    doors.build()
    doors.grant(f"serviceAccount:{ME}")
    token = doors.google.do(lambda: doors.google.app.standin.tokens.id_token(ME, "client-1", with_email=True))
    asked = {"Proxy_Authorization": f"Bearer {token}"}
    assert doors.ask("/", **asked)[0] == 401
    name = iap.canonical(doors.world.projects[P], doors.backend)
    doors.world.iap_settings[name] = {"accessSettings": {"oauthSettings": {"programmaticClients": ["client-1"]}}}
    assert doors.ask("/", **asked)[0] == 200
    doors.world.iap_settings.clear()
    doors.backend["iap"]["oauth2ClientId"] = "client-1"
    assert doors.ask("/", **asked)[0] == 200


def test_a_browser_is_sent_to_sign_in_and_comes_back(doors: Doors) -> None:
    doors.build()
    doors.grant("user:ada@lab.test")
    status, headers, _text = doors.ask("/hub/home")
    where = urlsplit(headers["Location"])
    assert status == 302 and where.netloc == "accounts.google.com"
    target = parse_qs(where.query)["continue"][0]
    with doors.google.names():
        form = {"email": "ada@lab.test", "password": "wrong", "continue": target}
        assert _post(doors, form)[0] == 200
        status, back = _post(doors, {**form, "password": "demo-ada"})
    assert status == 302 and urlsplit(back).netloc == HOST
    path = back.removeprefix(f"https://{HOST}")
    status, headers, _text = doors.ask(path)
    assert (status, headers["Location"]) == (302, "/hub/home")
    cookie = headers["Set-Cookie"].split(";")[0]
    got = seen(doors.ask("/hub/home", Cookie=f"{cookie}; other=1"))
    assert got["x-goog-authenticated-user-email"] == "accounts.google.com:ada@lab.test"
    assert got["cookie"] == "other=1"
    assert doors.ask(path)[0] == 404  # a ticket is good once


def _post(doors: Doors, form: dict[str, str]) -> tuple[int, str]:
    context = ssl.create_default_context(cafile=str(doors.google.ca_file))
    connection = http.client.HTTPSConnection("accounts.google.com", doors.google.port, context=context, timeout=20)
    connection.request("POST", "/lab/signin", urlencode(form), {"Content-Type": "application/x-www-form-urlencoded"})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status, answer.headers.get("Location", "")


def test_a_program_without_credentials_is_told(doors: Doors) -> None:
    doors.build()
    status, _headers, text = doors.ask("/api", verb="POST", body="x")
    assert status == 401 and "empty token" in text
    assert doors.ask("/api", X_Requested_With="XMLHttpRequest")[0] == 401


def test_the_hubs_own_tokens_pass_through_for_a_browser(doors: Doors) -> None:
    doors.build()
    doors.grant("user:ada@lab.test")
    got = seen(doors.ask("/", Authorization="Bearer hub-token", **doors.cookie("ada@lab.test")))
    assert got["authorization"] == "Bearer hub-token"
    got = seen(doors.ask("/", Authorization="token abc", **doors.cookie("ada@lab.test")))
    assert got["authorization"] == "token abc"


def test_everybody_means_everybody(doors: Doors) -> None:
    doors.build()
    doors.grant("allUsers")
    assert "x-goog-iap-jwt-assertion" not in seen(doors.ask("/"))


def test_a_change_of_the_policy_takes_its_time(doors: Doors) -> None:
    doors.build()
    doors.google.control("POST", "settings", {"iap_enforce_delay": 30})
    doors.grant(f"serviceAccount:{ME}")
    assert doors.ask("/", **doors.bearer())[0] == 403
    doors.google.control("POST", "settings", {"iap_enforce_delay": 0})
    assert doors.ask("/", **doors.bearer())[0] == 200


def test_a_grant_above_counts(doors: Doors) -> None:
    doors.build()
    name = f"projects/{doors.world.projects[P]['number']}/iap_web"
    policy = {"bindings": [{"role": WEB, "members": ["domain:lab.test"]}]}
    doors.world.history(name).write(1.0, policy, lambda _m: True)
    assert doors.ask("/", **doors.cookie("bob@lab.test"))[0] == 200


# ---- what the hub sees ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "forged", ["X-Goog-IAP-JWT-Assertion", "x-goog-iap-jwt-assertion", "X_Goog_Iap_Jwt_Assertion",
               "X-Goog-Authenticated-User-Email", "X-Goog-Authenticated-User-Id", "X-Goog-Authenticated-User-Other"]
)  # fmt: skip
def test_what_only_iap_may_say_is_stripped(doors: Doors, forged: str) -> None:
    doors.build()
    doors.grant("user:ada@lab.test")
    answer = doors.ask("/", **{forged: "forged", **doors.cookie("ada@lab.test")})
    assert "forged" not in json.dumps(answer[2])
    assert jose.split(seen(answer)["x-goog-iap-jwt-assertion"])[1]["email"] == "ada@lab.test"


def test_underscores_are_stripped_too() -> None:
    kept = iap.stripped([("X_Goog_Iap_Jwt_Assertion", "a"), ("x_goog_authenticated_user_email", "b"), ("Accept", "c")])
    assert kept == [("Accept", "c")]


def test_without_iap_nothing_is_asked_or_said(doors: Doors) -> None:
    doors.build(iap_on=False)
    got = seen(doors.ask("/", X_Goog_IAP_JWT_Assertion="forged"))
    assert got["x-goog-iap-jwt-assertion"] == "forged"


def test_bodies_and_streams_pass(doors: Doors) -> None:
    doors.build(iap_on=False)
    assert doors.ask("/x", verb="POST", body="a" * 200_000)[2]["body"] == "a" * 200_000
    assert doors.ask("/stream")[2]["line"] == "GET /stream HTTP/1.1"


def upgrade(doors: Doors, **headers: str) -> tuple[ssl.SSLSocket, bytes]:
    sock = doors.connect()
    lines = ["GET /ws HTTP/1.1", f"Host: {HOST}", "Connection: Upgrade", "Upgrade: websocket"]
    lines += [f"{key.replace('_', '-')}: {value}" for key, value in headers.items()]
    sock.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
    return sock, sock.recv(4096)


def test_a_websocket_is_judged_once_and_cut_by_the_timeout(doors: Doors) -> None:
    doors.build()
    doors.grant("user:ada@lab.test")
    sock, head = upgrade(doors)
    assert b"302" in head.split(b"\r\n")[0]
    sock.close()
    sock, head = upgrade(doors, **doors.cookie("ada@lab.test"))
    assert b"101" in head.split(b"\r\n")[0]
    sock.sendall(b"one")
    assert sock.recv(100) == b"echo:one"
    doors.grant("user:bob@lab.test")  # ada is out, but keeps what she has
    sock.sendall(b"two")
    assert sock.recv(100) == b"echo:two"
    sock.close()
    doors.backend["timeoutSec"] = 3
    doors.grant("user:ada@lab.test")
    sock, head = upgrade(doors, **doors.cookie("ada@lab.test"))
    assert b"101" in head.split(b"\r\n")[0]
    assert sock.recv(100) == b""  # the hub behind it would keep it open
    sock.close()


def test_a_slow_answer_is_cut_by_the_timeout(doors: Doors) -> None:
    doors.build(iap_on=False, timeout=1)
    with pytest.raises((http.client.HTTPException, OSError)) as caught:
        doors.ask("/slow")
    assert not isinstance(caught.value, TimeoutError), "it was this test that lost patience"


def test_no_pod_no_answer(doors: Doors) -> None:
    doors.build(iap_on=False)
    doors.world.health[doors.backend["selfLink"]][0]["healthState"] = "UNHEALTHY"
    assert doors.ask("/")[0] == 502


# ---- TLS and ways --------------------------------------------------------------------------------------------------
def test_no_active_certificate_no_greeting(doors: Doors) -> None:
    doors.build(active=False)
    with pytest.raises(ssl.SSLError):
        doors.connect()
    doors.world.compute[f"{GLOBAL}/sslCertificates"]["c"]["managed"]["status"] = "ACTIVE"
    doors.connect().close()
    with pytest.raises(ssl.SSLError):
        doors.connect("other.lab.test")


def test_plain_http_is_sent_to_https(doors: Doors) -> None:
    doors.build()
    connection = http.client.HTTPConnection(ADDRESS, doors.plain, timeout=20)
    connection.request("GET", "/a?b=c", headers={"Host": HOST})
    answer = connection.getresponse()
    assert (answer.status, answer.headers["Location"]) == (301, f"https://{HOST}/a?b=c")
    connection.close()


def test_faults_at_the_door(doors: Doors) -> None:
    doors.build(iap_on=False)
    doors.google.control("POST", "faults", {"rules": [{"method": "door", "status": 502, "times": 1}]})
    assert [doors.ask("/")[0] for _turn in range(2)] == [502, 200]


@pytest.mark.parametrize(
    ("pattern", "host", "good"),
    [("*", "a.b", True), ("a.b", "a.b", True), ("*.b", "a.b", True), ("*.b", ".b", False), ("*.b", "b", False)],
)
def test_host_rules(pattern: str, host: str, good: bool) -> None:
    assert routing.host_fits(pattern, host) is good


def test_the_longest_path_rule_wins() -> None:
    fits = [routing.path_fits(pattern, "/a/b") for pattern in ("/*", "/a/*", "/a/b", "/a", "/b/*")]
    assert fits[0] < fits[1] < fits[2] and fits[3:] == [0, 0]


def test_requests_at_the_door_are_logged(doors: Doors) -> None:
    doors.build()
    doors.ask("/", **doors.bearer())
    (entry,) = doors.google.control("GET", "requests?method=door")["requests"]
    assert (entry["status"], entry["caller"]) == (403, ME)


def test_a_request_without_a_host_meets_nothing() -> None:
    assert routing.target(World(), "192.0.2.1", 443, "", "/").backend is None
    assert Request("GET", "/", []).host == ""
