# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The login helper against a provider on the loopback address: what clients read, and what people read."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import http.client
import importlib.util
import io
import json
import os
import stat
import subprocess
import sys
import time
import urllib.error
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime
from email.message import Message
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qs, urlsplit

import pytest
from ansible_collections.researchops.jupyterhub.tests.unit.certificate_maker import make
from ansible_collections.researchops.jupyterhub.tests.unit.tls_server import Server, old_authority, serving

HELPER = Path(__file__).resolve().parents[4] / "roles" / "cluster_access" / "files" / "exec_credential.py"
SECRET = "s3cr?t/with+odd:characters%"
SPEC = importlib.util.spec_from_file_location("exec_credential", HELPER)
assert SPEC and SPEC.loader
helper = importlib.util.module_from_spec(SPEC)
sys.modules["exec_credential"] = helper
SPEC.loader.exec_module(helper)


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    """The helper makes its process careful; this one goes on to run other tests, whose files would not be as usual."""
    before = os.umask(0o022)
    yield
    os.umask(before)


class Provider:
    """An OpenID provider: discovery and token endpoint, with everything a test wants to be different."""

    def __init__(self, folder: Path) -> None:
        """Nothing unusual, tokens of two minutes."""
        self.folder = folder
        self.discovery: dict[str, Any] = {}
        self.reply: tuple[int, Any, dict[str, str]] | None = None
        self.failures = 0
        self.tokens = 0
        self.lifetime: Any = 120
        self.pause = 0.0
        self.server: Server | None = None
        self.secret_file = folder / "secret"
        self.secret_file.write_text(SECRET + "\n")
        self.secret_file.chmod(0o600)

    def answer(self, method: str, path: str, headers: dict[str, str], body: str) -> tuple[int, Any, dict[str, str]]:
        assert self.server
        if self.failures:
            self.failures -= 1
            return 503, {}, {}
        if path == "/.well-known/openid-configuration":
            base = {"issuer": self.server.url, "token_endpoint": f"{self.server.url}/token"}
            return 200, base | self.discovery, {}
        assert (method, path) == ("POST", "/token")
        if self.reply:
            return self.reply
        time.sleep(self.pause)
        self.tokens += 1
        return 200, {"access_token": f"token-{self.tokens}", "expires_in": self.lifetime}, {}

    @property
    def asked(self) -> list[tuple[dict[str, list[str]], dict[str, str]]]:
        """Form and headers of each token request."""
        assert self.server
        return [(parse_qs(body), headers) for method, _path, headers, body in self.server.requests if method == "POST"]

    def words(self, *more: str) -> list[str]:
        """The command line."""
        assert self.server
        words = ["--issuer", self.server.url, "--client-id", "auto:mation", "--ca-file", str(self.server.ca_file)]
        return [*words, "--client-secret-file", str(self.secret_file), "--cache-dir", str(self.folder / "cache"), *more]

    def run(self, *more: str, exec_info: str = "") -> subprocess.CompletedProcess[str]:
        """Run the helper inside this process, which is quick."""
        said, complained = io.StringIO(), io.StringIO()
        with (
            patch.dict(os.environ, {"HOME": str(self.folder), "KUBERNETES_EXEC_INFO": exec_info}),
            patch.object(helper, "PAUSES", (0.0, 0.0, 0.0)),
            redirect_stdout(said),
            redirect_stderr(complained),
        ):
            code = helper.main(self.words(*more))
        return subprocess.CompletedProcess([], code, said.getvalue(), complained.getvalue())

    def start(self) -> subprocess.CompletedProcess[str]:
        """Start the helper as a client does."""
        words = [sys.executable, "-I", "-S", str(HELPER), *self.words()]
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder)}
        return subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60, check=False)

    def refused(self, *more: str) -> str:
        """Start the helper, expect one line of complaint and nothing else, return it."""
        done = self.run(*more)
        assert (done.returncode, done.stdout) == (1, "")
        assert len(done.stderr.splitlines()) == 1
        assert SECRET not in done.stderr
        return done.stderr


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[Provider]:
    made = Provider(tmp_path)
    with serving(tmp_path, made.answer) as server:
        made.server = server
        yield made


def test_a_token_comes_as_an_exec_credential(provider: Provider) -> None:
    before = time.time()
    done = provider.run("--audience", "kubernetes", "--scope", "a b")
    assert done.stderr == ""
    credential = json.loads(done.stdout)
    end = credential["status"].pop("expirationTimestamp")
    assert credential == {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": "token-1"},
    }
    # The client is told an end 30 s before the true one.
    assert time.strptime(end, "%Y-%m-%dT%H:%M:%SZ")
    assert before + 89 <= float(subprocess.check_output(["date", "-d", end, "+%s"])) <= time.time() + 91
    ((form, headers),) = provider.asked
    assert form == {"grant_type": ["client_credentials"], "audience": ["kubernetes"], "scope": ["a b"]}
    # RFC 6749 section 2.3.1: both parts are form-encoded before they are joined.
    pair = base64.b64decode(headers["Authorization"].removeprefix("Basic ")).decode()
    assert pair == "auto%3Amation:s3cr%3Ft%2Fwith%2Bodd%3Acharacters%25"


def test_the_client_is_answered_in_its_own_version(provider: Provider) -> None:
    info = json.dumps({"apiVersion": "client.authentication.k8s.io/v1beta1", "kind": "ExecCredential"})
    done = provider.run(exec_info=info)
    assert json.loads(done.stdout)["apiVersion"] == "client.authentication.k8s.io/v1beta1"


def test_a_provider_without_basic_gets_the_secret_in_the_form(provider: Provider) -> None:
    provider.discovery = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    provider.run()
    ((form, headers),) = provider.asked
    assert "Authorization" not in headers
    assert (form["client_id"], form["client_secret"]) == (["auto:mation"], [SECRET])


def test_a_kept_token_is_used_again_and_is_private(provider: Provider) -> None:
    first, second = provider.run(), provider.run()
    assert first.stdout == second.stdout
    assert provider.tokens == 1
    cache = provider.folder / "cache"
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700
    for path in cache.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert SECRET not in path.read_text()


def test_other_settings_never_share_a_token(provider: Provider) -> None:
    provider.run()
    provider.run("--audience", "other")
    assert provider.tokens == 2
    assert provider.server
    elsewhere = provider.folder / "other-ca.pem"
    elsewhere.write_bytes(provider.server.ca_file.read_bytes())
    provider.run("--ca-file", str(elsewhere))
    assert provider.tokens == 3


def test_another_secret_in_the_same_file_is_another_login(provider: Provider) -> None:
    provider.run()
    provider.secret_file.write_text(SECRET + "\n")  # nobody looks into it for that, so the state of the file decides
    os.utime(provider.secret_file, ns=(1, 1))
    assert json.loads(provider.run().stdout)["status"]["token"] == "token-2"
    assert json.loads(provider.run().stdout)["status"]["token"] == "token-2"
    assert len(list((provider.folder / "cache").glob("token-*.json"))) == 1


def test_a_token_that_the_server_refused_is_not_handed_out_again(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = json.loads(provider.run().stdout)["status"]["token"]
    monkeypatch.setenv(helper.REFUSED, hashlib.sha256(first.encode()).hexdigest())
    assert json.loads(provider.run().stdout)["status"]["token"] == "token-2"
    assert json.loads(provider.run().stdout)["status"]["token"] == "token-2"
    assert provider.tokens == 2


def test_a_token_is_renewed_30_s_before_its_end(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    monkeypatch.setattr(helper, "token_for", partial(helper.token_for, now=lambda: now))
    provider.run()
    (path,) = (provider.folder / "cache").glob("token-*.json")
    kept = json.loads(path.read_text())
    path.write_text(json.dumps(kept | {"ends": now + 31}))
    provider.run()
    assert provider.tokens == 1
    path.write_text(json.dumps(kept | {"ends": now + 30}))
    assert json.loads(provider.run().stdout)["status"]["token"] == "token-2"


@pytest.mark.parametrize(
    "damage",
    [
        "",
        "{",
        "[]",
        '{"token": 1}',
        '{"token": "x", "ends": "soon", "margin": 1}',
        '{"token": "x", "ends": 9e9, "margin": 1}',
    ],
)
def test_a_damaged_cache_is_replaced(provider: Provider, damage: str) -> None:
    provider.run()
    (path,) = (provider.folder / "cache").glob("token-*.json")
    path.write_text(damage)
    assert json.loads(provider.run().stdout)["status"]["token"] == "token-2"


def test_a_cache_others_can_read_is_not_trusted(provider: Provider) -> None:
    provider.run()
    (path,) = (provider.folder / "cache").glob("token-*.json")
    path.chmod(0o644)
    provider.run()
    assert provider.tokens == 2
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_short_token_is_used_for_half_of_its_life(provider: Provider) -> None:
    provider.lifetime = 20
    provider.run()
    provider.run()
    assert provider.tokens == 1
    (path,) = (provider.folder / "cache").glob("token-*.json")
    assert json.loads(path.read_text())["margin"] == 10


def test_a_provider_that_names_no_lifetime_is_taken_for_five_minutes(provider: Provider) -> None:
    provider.lifetime = None
    provider.run()
    (path,) = (provider.folder / "cache").glob("token-*.json")
    assert 290 < json.loads(path.read_text())["ends"] - time.time() <= 300


@pytest.mark.parametrize("issuer", ["https://[your issuer]/", "https://[issuer"])
def test_brackets_around_no_address_are_told_as_what_they_are(provider: Provider, issuer: str) -> None:
    assert provider.refused("--issuer", issuer).startswith(
        "E-ACCESS-11 The OpenID provider does not answer at https://["
    )


class Reply:
    """An answer that breaks off, or comes in small parts."""

    status, closed = 200, False

    def __init__(self, cut: bool) -> None:
        self._cut = cut

    def read1(self, _most: int) -> bytes:
        if self._cut:
            raise http.client.IncompleteRead(b"")
        return b"x"

    read = read1

    def close(self) -> None:
        """Nothing is open."""

    def __enter__(self) -> Reply:
        return self

    def __exit__(self, *_error: object) -> None:
        """Nothing is open."""


@pytest.mark.parametrize("status", [200, 400, 503])
@pytest.mark.parametrize(("cut", "reason"), [(True, "IncompleteRead"), (False, "its answer does not end")])
def test_an_answer_that_is_never_whole_is_no_answer(
    provider: Provider, monkeypatch: pytest.MonkeyPatch, status: int, cut: bool, reason: str
) -> None:
    def opened(_provider: Any, request: Any) -> Reply:
        if status != 200:
            raise urllib.error.HTTPError(request.full_url, status, "no", Message(), Reply(cut))  # type: ignore[arg-type]
        return Reply(cut)

    monkeypatch.setattr(helper.Provider, "_open", opened)
    monkeypatch.setattr(helper, "REQUEST_TIMEOUT", -1.0)  # its time is over from the start
    told = provider.refused()
    assert told.startswith("E-ACCESS-11 The OpenID provider does not answer at ")
    assert reason in told


def test_callers_that_start_together_fetch_one_token(provider: Provider) -> None:
    provider.pause = 0.5
    with ThreadPoolExecutor(4) as pool:
        done = [job.result() for job in [pool.submit(provider.start) for _caller in range(4)]]
    assert {json.loads(item.stdout)["status"]["token"] for item in done} == {"token-1"}
    assert provider.tokens == 1


def test_a_directory_that_cannot_be_written_costs_the_cache_only(provider: Provider) -> None:
    blocked = provider.folder / "file"
    blocked.touch()
    for count in (1, 2):
        done = provider.run("--cache-dir", str(blocked / "below"))
        assert json.loads(done.stdout)["status"]["token"] == f"token-{count}"


def test_a_provider_that_stumbles_is_asked_again(provider: Provider) -> None:
    provider.failures = 2
    assert json.loads(provider.run().stdout)["status"]["token"] == "token-1"


def test_it_pauses_between_tries(provider: Provider) -> None:
    assert provider.server
    provider.failures = 2
    slept: list[float] = []
    helper.discover(helper.Provider(str(provider.server.ca_file), slept.append), provider.server.url)
    assert slept == [0.0, 0.5, 1.5]


def test_it_runs_as_a_process_of_its_own(provider: Provider) -> None:
    done = provider.start()
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["status"]["token"] == "token-1"


def test_the_default_place_is_the_users_cache(provider: Provider, monkeypatch: Any) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert helper.default_cache_dir() == "/x/researchops-jupyterhub/tokens"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert helper.default_cache_dir().endswith("/.cache/researchops-jupyterhub/tokens")


# ---- what a person reads --------------------------------------------------------------------------------


def test_a_provider_that_stays_down_is_named(provider: Provider) -> None:
    provider.failures = 99
    said = provider.refused()
    assert said.startswith(f"E-ACCESS-11 The OpenID provider does not answer at {provider.server.url}/.well-known/")  # type: ignore[union-attr]
    assert "HTTP status 503" in said


def test_an_unreachable_provider_is_named(provider: Provider) -> None:
    assert "E-ACCESS-11 The OpenID provider does not answer" in provider.refused("--issuer", "https://127.0.0.1:9")


def test_a_provider_of_an_unknown_ca_is_refused_at_once(provider: Provider) -> None:
    said = provider.refused("--ca-file", "")
    assert "E-ACCESS-11" in said
    assert "CERTIFICATE_VERIFY_FAILED" in said
    assert provider.server
    assert provider.server.requests == []


def test_a_provider_whose_own_authority_has_the_old_form(tmp_path: Path) -> None:
    """Red on Python 3.13, which refuses what kubectl takes."""
    made = Provider(tmp_path)
    with serving(tmp_path, made.answer, old_authority()) as server:
        made.server = server
        done = made.run()
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("text", [None, "no certificate"])
def test_a_ca_file_that_cannot_be_used_is_named(provider: Provider, text: str | None) -> None:
    path = provider.folder / "wrong.pem"
    if text is not None:
        path.write_text(text)
    assert f"E-ACCESS-11 The CA file {path} cannot be used" in provider.refused("--ca-file", str(path))


@pytest.mark.parametrize(
    ("discovery", "seen"),
    [
        ({"issuer": "https://evil.test"}, "describes another issuer: https://evil.test"),
        ({"token_endpoint": "http://127.0.0.1/token"}, "names no token endpoint with https"),
        ({"token_endpoint": None}, "names no token endpoint with https"),
    ],
)
def test_a_discovery_document_that_leads_astray_is_refused(provider: Provider, discovery: Any, seen: str) -> None:
    provider.discovery = discovery
    assert seen in provider.refused()
    assert provider.asked == []


def test_an_issuer_without_discovery_is_refused(provider: Provider, monkeypatch: Any) -> None:
    monkeypatch.setattr(provider, "answer", None)
    with serving(provider.folder, lambda *_request: (404, {}, {})) as other:
        said = provider.refused("--issuer", other.url, "--ca-file", str(other.ca_file))
    assert "is no OpenID discovery document (HTTP status 404)" in said


def test_an_issuer_without_https_is_refused(provider: Provider) -> None:
    assert "E-ACCESS-11 The issuer http://x does not start with https://" in provider.refused("--issuer", "http://x")


@pytest.mark.parametrize("status", [400, 401])
def test_a_refused_client_is_named(provider: Provider, status: int) -> None:
    provider.reply = (status, {"error": "invalid_client", "error_description": SECRET}, {})
    said = provider.refused()
    assert said.startswith(f"E-ACCESS-12 {provider.server.url} refused the client auto:mation (invalid_client, HTTP")  # type: ignore[union-attr]


@pytest.mark.parametrize("status", [302, 303, 307, 308])
def test_a_redirect_is_not_followed(provider: Provider, status: int) -> None:
    assert provider.server
    provider.reply = (status, {}, {"Location": f"{provider.server.url}/elsewhere"})
    assert f"HTTP status {status}" in provider.refused()
    assert [request[1] for request in provider.server.requests] == ["/.well-known/openid-configuration", "/token"]


@pytest.mark.parametrize("document", [{}, {"access_token": ""}, {"access_token": 7}, ["x"], {"id_token": "i"}])
def test_an_answer_without_a_token_is_refused(provider: Provider, document: Any) -> None:
    provider.reply = (200, document, {})
    assert "E-ACCESS-14 The provider's answer for client auto:mation has no access_token" in provider.refused()


def test_an_id_token_is_taken_where_asked_for(provider: Provider) -> None:
    provider.reply = (200, {"access_token": "a", "id_token": "i", "expires_in": 60}, {})
    assert json.loads(provider.run("--token", "id_token").stdout)["status"]["token"] == "i"


@pytest.mark.parametrize(
    ("bits", "text", "seen"),
    [
        (0o640, SECRET, "is open to others (mode 0640)"),
        (0o604, SECRET, "is open to others (mode 0604)"),
        (0o600, "\n", "is empty"),
        (None, "", "cannot be read: No such file or directory"),
    ],
)
def test_a_secret_file_that_will_not_do_is_named(provider: Provider, bits: int | None, text: str, seen: str) -> None:
    provider.secret_file.unlink()
    if bits is not None:
        provider.secret_file.write_text(text)
        provider.secret_file.chmod(bits)
    said = provider.refused()
    assert said.startswith(f"E-ACCESS-13 The client secret file {provider.secret_file} ")
    assert seen in said


def test_a_lock_that_is_held_too_long_is_named(tmp_path: Path) -> None:
    slept: list[float] = []
    cache = helper.Cache(str(tmp_path), "k", slept.append)
    with open(tmp_path / "token-k.json.lock", "w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(helper.Problem, match="E-ACCESS-14 Another process has held"), cache.locked():
            pytest.fail("there must be no way in")
    assert sum(slept) == pytest.approx(helper.LOCK_TIMEOUT, abs=0.2)
    with cache.locked():
        pass


def test_a_full_disk_costs_the_cache_only(tmp_path: Path, monkeypatch: Any) -> None:
    def full(*args: Any, **kwargs: Any) -> None:
        raise OSError(28, "No space left on device")

    cache = helper.Cache(str(tmp_path), "k")
    monkeypatch.setattr(helper.json, "dump", full)
    cache.write(helper.Token("t", 1.0))
    assert os.listdir(tmp_path) == []
    assert cache.read() is None


def test_it_needs_the_standard_library_only() -> None:
    code = f"import runpy, sys; sys.argv = ['x', '--help']; runpy.run_path({str(HELPER)!r}, run_name='__main__')"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, "client-secret-file" in done.stdout) == (0, True)


# ---- clouds ---------------------------------------------------------------------------------------------


class Helper:
    """The helper with a cache of its own and a clean environment."""

    def __init__(self, folder: Path) -> None:
        """Nothing is set."""
        self.folder = folder
        self.environ = {"HOME": str(folder), "PATH": os.environ["PATH"], "AWS_EC2_METADATA_DISABLED": "true"}

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        said, complained = io.StringIO(), io.StringIO()
        with (
            patch.dict(os.environ, self.environ, clear=True),
            redirect_stdout(said),
            redirect_stderr(complained),
        ):
            code = helper.main([*words, "--cache-dir", str(self.folder / "cache")])
        return subprocess.CompletedProcess([], code, said.getvalue(), complained.getvalue())

    def status(self, *words: str) -> dict[str, str]:
        done = self.run(*words)
        assert done.stderr == ""
        found: dict[str, str] = json.loads(done.stdout)["status"]
        return found


@pytest.fixture
def clouds(tmp_path: Path) -> Helper:
    return Helper(tmp_path)


EKS = ("--kind", "eks", "--cluster", "research", "--region", "eu-west-1")


def seconds_left(end: str) -> float:
    return datetime.strptime(end, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp() - time.time()


def test_an_eks_token_is_a_signed_address(clouds: Helper) -> None:
    clouds.environ |= {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "a-secret-key-of-the-test"}
    status = clouds.status(*EKS)
    prefix, _dot, text = status["token"].partition(".")
    assert prefix == "k8s-aws-v1"
    assert "=" not in text
    address = urlsplit(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode())
    query = {name: values[0] for name, values in parse_qs(address.query).items()}
    assert (address.scheme, address.netloc) == ("https", "sts.eu-west-1.amazonaws.com")
    assert (query["Action"], query["X-Amz-Expires"]) == ("GetCallerIdentity", "60")
    assert query["X-Amz-SignedHeaders"] == "host;x-k8s-aws-id"
    assert query["X-Amz-Credential"].startswith("AKIAEXAMPLE/")
    assert "a-secret-key-of-the-test" not in status["token"]
    assert 12 * 60 < seconds_left(status["expirationTimestamp"]) < 14 * 60


def test_an_eks_token_is_kept_for_its_cluster_and_its_account(clouds: Helper) -> None:
    clouds.environ |= {"AWS_ACCESS_KEY_ID": "AKIAONE", "AWS_SECRET_ACCESS_KEY": "a-secret-key-of-the-test"}
    with patch.object(helper.time, "time", lambda: 2e9):  # the signature has the real time in it
        first, second = clouds.status(*EKS), clouds.status(*EKS)
        other = clouds.status("--kind", "eks", "--cluster", "other", "--region", "eu-west-1")
        clouds.environ["AWS_ACCESS_KEY_ID"] = "AKIATWO"
        account = clouds.status(*EKS)
    assert first == second
    assert len({one["token"] for one in (first, other, account)}) == 3


def test_another_account_in_aws_s_own_file_is_another_login(clouds: Helper) -> None:
    file = clouds.folder / ".aws" / "credentials"
    file.parent.mkdir()
    account = "[default]\naws_access_key_id = {}\naws_secret_access_key = a-secret-key-of-the-test\n"
    seen = []
    for name in ("AKIAONE", "AKIATWO"):
        file.write_text(account.format(name))
        text = clouds.status(*EKS)["token"].partition(".")[2]
        seen.append(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().partition("Credential=")[2][:7])
    assert seen == ["AKIAONE", "AKIATWO"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param((), "E-ACCESS-20 There are no AWS credentials on this machine. Nothing was changed.", id="none"),
        pytest.param(
            ("--profile", "nobody"), "E-ACCESS-20 AWS credentials cannot be used: The config profile", id="profile"
        ),
    ],
)
def test_aws_without_credentials(clouds: Helper, words: tuple[str, ...], said: str) -> None:
    done = clouds.run(*EKS, *words)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)
    assert done.stderr.startswith(said)


class GoogleTokens:
    """Google's token endpoint."""

    def __init__(self) -> None:
        """Tokens of an hour."""
        self.asked: list[dict[str, Any]] = []
        self.refuses = False
        self.reply: tuple[int, Any] | None = None

    def answer(self, method: str, path: str, _headers: dict[str, str], body: str) -> tuple[int, Any, dict[str, str]]:
        assert (method, path) == ("POST", "/token")
        claims = parse_qs(body)["assertion"][0].split(".")[1]
        self.asked.append(json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4))))
        if self.reply:
            return *self.reply, {}
        if self.refuses:
            return 400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}, {}
        return 200, {"access_token": f"ya29.{len(self.asked)}", "expires_in": 3599}, {}


@pytest.fixture(scope="module")
def rsa_key() -> str:
    """Making one takes longer than a test."""
    return make("key", rsa_bits=2048).key_pem


@pytest.fixture
def google(tmp_path: Path, clouds: Helper, rsa_key: str) -> Iterator[GoogleTokens]:
    made = GoogleTokens()
    with serving(tmp_path, made.answer) as server:
        key = {
            "type": "service_account",
            "client_email": "robot@p.iam.gserviceaccount.com",
            "private_key_id": "1",
            "private_key": rsa_key,
            "token_uri": f"{server.url}/token",
        }
        (tmp_path / "key.json").write_text(json.dumps(key))
        clouds.environ["REQUESTS_CA_BUNDLE"] = str(server.ca_file)
        yield made


def test_a_google_token_of_a_service_account(clouds: Helper, google: GoogleTokens) -> None:
    words = ("--kind", "gke", "--auth-kind", "serviceaccount", "--key-file", str(clouds.folder / "key.json"))
    first, second = clouds.status(*words), clouds.status(*words)
    assert (first, first["token"]) == (second, "ya29.1")
    assert 58 * 60 < seconds_left(first["expirationTimestamp"]) < 60 * 60
    (asked,) = google.asked
    assert asked["scope"].split() == list(helper.GOOGLE_SCOPES)


def test_google_s_application_default_credentials(clouds: Helper, google: GoogleTokens) -> None:
    clouds.environ["GOOGLE_APPLICATION_CREDENTIALS"] = str(clouds.folder / "key.json")
    assert clouds.status("--kind", "gke")["token"] == "ya29.1"


def test_google_s_credentials_that_cannot_be_read(clouds: Helper) -> None:
    clouds.environ["GOOGLE_APPLICATION_CREDENTIALS"] = str(clouds.folder)
    said = clouds.run("--kind", "gke").stderr
    assert said.startswith("E-ACCESS-20 Google gives no access token (application): [Errno 21] Is a directory: '/")


def test_another_google_key_at_the_same_path_is_another_login(clouds: Helper, google: GoogleTokens) -> None:
    file = clouds.folder / "key.json"
    named = ("--kind", "gke", "--auth-kind", "serviceaccount", "--key-file", str(file))
    clouds.environ["GOOGLE_APPLICATION_CREDENTIALS"] = str(file)
    assert (clouds.status(*named)["token"], clouds.status("--kind", "gke")["token"]) == ("ya29.1", "ya29.2")
    file.write_text(file.read_text().replace("robot@", "other@"))
    assert (clouds.status(*named)["token"], clouds.status("--kind", "gke")["token"]) == ("ya29.3", "ya29.4")
    assert [asked["iss"].partition("@")[0] for asked in google.asked] == ["robot", "robot", "other", "other"]


def test_a_new_login_by_gcloud_is_another_login(clouds: Helper, google: GoogleTokens) -> None:
    folder = clouds.folder / ".config" / "gcloud"
    folder.mkdir(parents=True)
    file = folder / "application_default_credentials.json"
    file.write_bytes((clouds.folder / "key.json").read_bytes())
    assert [clouds.status("--kind", "gke")["token"] for _run in (1, 2)] == ["ya29.1", "ya29.1"]
    os.utime(file, ns=(1, 1))
    assert clouds.status("--kind", "gke")["token"] == "ya29.2"


def test_google_is_not_waited_for_longer_than_anybody_waits_for_us(clouds: Helper, google: GoogleTokens) -> None:
    with patch("requests.Session.request", side_effect=OSError("no network in this test")) as sent:
        clouds.run("--kind", "gke", "--auth-kind", "serviceaccount", "--key-file", str(clouds.folder / "key.json"))
    assert sent.call_args.kwargs["timeout"] == helper.REQUEST_TIMEOUT


def test_a_google_token_that_somebody_else_renews(clouds: Helper) -> None:
    file = clouds.folder / "token"
    file.write_text("a-token-of-mine\n")
    words = ("--kind", "gke", "--auth-kind", "accesstoken", "--key-file", str(file))
    file.chmod(0o644)
    assert clouds.run(*words).stderr.startswith("E-ACCESS-13 ")
    file.chmod(0o600)
    assert clouds.status(*words)["token"] == "a-token-of-mine"
    file.write_text("a-fresh-one\n")
    assert clouds.status(*words)["token"] == "a-fresh-one"


def test_google_refuses(clouds: Helper, google: GoogleTokens) -> None:
    google.refuses = True
    file = str(clouds.folder / "key.json")
    done = clouds.run("--kind", "gke", "--auth-kind", "serviceaccount", "--key-file", file)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert f"E-ACCESS-20 Google gives no access token (serviceaccount, {file}): invalid_grant" in done.stderr


@pytest.mark.parametrize("reply", [(503, {"error": "backendError"}), (502, "a page"), (200, "a proxy's page")])
def test_google_that_is_busy_wants_no_new_login(clouds: Helper, google: GoogleTokens, reply: tuple[int, Any]) -> None:
    google.reply = reply
    words = ("--kind", "gke", "--auth-kind", "serviceaccount", "--key-file", str(clouds.folder / "key.json"))
    with patch("time.sleep"):
        done = clouds.run(*words)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert done.stderr.startswith("E-ACCESS-20 ")
    assert "Do: check the network between this machine and Google" in done.stderr


@pytest.mark.parametrize(
    ("status", "document", "said"),
    [
        (200, {"access_token": "ya29.federated", "expires_in": 3599}, ""),
        (400, {"error": "invalid_grant"}, "invalid_grant. Nothing was changed. Do: run: gcloud auth application"),
        (400, {"error": "temporarily_unavailable"}, "unavailable. Nothing was changed. Do: check the network"),
        (503, {"error": {"code": 503}}, "Do: check the network"),
        (200, "a proxy's page", "what answers sends no token. Nothing was changed. Do: check the network"),
    ],
)
def test_a_federated_workload_asks_for_its_token_and_for_nothing_else(
    clouds: Helper, status: int, document: Any, said: str
) -> None:
    with serving(clouds.folder, lambda *_request: (status, document, {})) as server:
        pool = "projects/123/locations/global/workloadIdentityPools/pool/providers/ci"
        (clouds.folder / "own-token").write_text("the-workloads-token")
        credentials = {
            "type": "external_account",
            "audience": f"//iam.googleapis.com/{pool}",
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "token_url": f"{server.url}/v1/token",
            "credential_source": {"file": str(clouds.folder / "own-token")},
        }
        (clouds.folder / "adc.json").write_text(json.dumps(credentials))
        clouds.environ |= {
            "GOOGLE_APPLICATION_CREDENTIALS": str(clouds.folder / "adc.json"),
            "REQUESTS_CA_BUNDLE": str(server.ca_file),
            "HTTPS_PROXY": "http://127.0.0.1:9",  # whoever asks anybody else is refused
            "NO_PROXY": "127.0.0.1",
        }
        done = clouds.run("--kind", "gke")
    assert [(method, path) for method, path, _headers, _body in server.requests] == [("POST", "/v1/token")]
    assert said in done.stderr
    assert bool(done.stderr) is bool(said)
    assert ("ya29.federated" in done.stdout) is not bool(said)


def test_whoever_has_no_login_is_told_to_log_in_although_no_metadata_server_answers() -> None:
    from google.auth.exceptions import DefaultCredentialsError, RefreshError, TransportError

    assert helper.google_may_pass(DefaultCredentialsError("none were found"), 0) is False
    assert helper.google_may_pass(TransportError("no answer"), 0) is True
    assert helper.google_may_pass(RefreshError(TransportError("no such account")), 404) is False
    assert helper.google_may_pass(ValueError("no key"), None) is False
    assert helper.first_line(RefreshError(TransportError("no such account", object()))) == "no such account"


@pytest.mark.parametrize(
    ("words", "library"),
    [(("--kind", "gke"), "google-auth and requests"), (EKS, "botocore")],
)
def test_a_library_that_is_missing(clouds: Helper, words: tuple[str, ...], library: str) -> None:
    gone = dict.fromkeys(("google.auth.exceptions", "botocore.exceptions"))
    with patch.dict(sys.modules, gone):
        done = clouds.run(*words)
    assert done.returncode == 1
    assert done.stderr.startswith(f"E-ACCESS-19 {sys.executable} lacks {library} (")
    assert f"-m pip install {library.replace(' and ', ' ')}." in done.stderr


@pytest.mark.parametrize(
    ("words", "lacking"),
    [
        ((), "--kind oidc needs --issuer, --client-id, --client-secret-file"),
        (("--kind", "eks"), "--kind eks needs --cluster, --region"),
        (("--kind", "gke", "--auth-kind", "serviceaccount"), "--kind gke needs --key-file"),
    ],
)
def test_words_that_are_missing(words: tuple[str, ...], lacking: str) -> None:
    said = io.StringIO()
    with redirect_stderr(said), pytest.raises(SystemExit):
        helper.parse(words)
    assert lacking in said.getvalue()


@pytest.mark.parametrize("email", ["", "robot@p.iam.gserviceaccount.com"])
def test_a_machine_s_own_account(clouds: Helper, email: str) -> None:
    with patch("google.auth.compute_engine.Credentials") as credentials:
        credentials.return_value.expiry = None
        credentials.return_value.token = "from-the-machine"
        words = ("--kind", "gke", "--auth-kind", "machineaccount", "--email", email)
        assert clouds.status(*words)["token"] == "from-the-machine"
    credentials.assert_called_once_with(email or "default", scopes=helper.GOOGLE_SCOPES)
