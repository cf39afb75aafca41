# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The image's recipe: everything pinned, equal content gives an equal archive, the key follows the inputs."""

from __future__ import annotations

import hashlib
import importlib
import io
import json
import os
import re
import shutil
import tarfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parents[3]
SOURCES = ROOT / "tests" / "lab" / "image"


@pytest.fixture
def image(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "tests" / "lab"))
    return importlib.import_module("labkit.image")


def requirements() -> list[str]:
    lines = (SOURCES / "requirements.txt").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_every_python_package_has_an_exact_version_once() -> None:
    assert [line for line in requirements() if not re.fullmatch(r"[a-z0-9.-]+==[0-9][a-z0-9.]*", line)] == []
    names = [line.partition("==")[0] for line in requirements()]
    assert len(names) == len(set(names)) > 100


def test_the_programs_of_z2jh_are_the_versions_we_say() -> None:
    said = {
        "jupyterhub==5.5.0",
        "jupyterhub-kubespawner==7.1.0",
        "oauthenticator==17.4.0",
        "jupyterhub-idle-culler==1.4.0",
    }
    assert said < set(requirements())
    assert json.loads((SOURCES / "package.json").read_text())["dependencies"] == {"configurable-http-proxy": "5.3.0"}


def test_the_npm_lock_has_integrity_for_all_and_names_no_registry() -> None:
    text = (SOURCES / "package-lock.json").read_text()
    packages = {name: entry for name, entry in json.loads(text)["packages"].items() if name}
    assert len(packages) > 20 and all(entry["integrity"].startswith("sha512-") for entry in packages.values())
    assert "resolved" not in text and packages["node_modules/configurable-http-proxy"]["version"] == "5.3.0"


def test_the_key_follows_content_but_not_the_readme(image: ModuleType, tmp_path: Path) -> None:
    sources = tmp_path / "image"
    shutil.copytree(SOURCES, sources)
    before = image.image_key(sources)
    (sources / "README.md").write_text("other")
    assert image.image_key(sources) == before and re.fullmatch(r"[0-9a-f]{16}", before)
    with (sources / "requirements.txt").open("a") as file:
        file.write("one-more==1\n")
    assert image.image_key(sources) != before


def test_the_info_names_reference_and_archive_without_building(image: ModuleType, tmp_path: Path) -> None:
    info = image.image_info(tmp_path)
    assert info.reference == f"lab.test/jupyterhub:{info.key}"
    assert info.archive == tmp_path / f"image-{info.key}" / "jupyterhub.tar" and list(tmp_path.iterdir()) == []


def small_rootfs(root: Path, stamp: int) -> Path:
    (root / "bin").mkdir(parents=True)
    (root / "bin" / "sh").write_text("#!\n")
    (root / "bin" / "sh").chmod(0o755)
    (root / "sbin").symlink_to("bin")
    (root / "etc").mkdir()
    (root / "etc" / "passwd").write_text("root:x:0:0::/:/bin/sh\n")
    os.link(root / "etc" / "passwd", root / "etc" / "passwd-")
    for path in root.rglob("*"):
        os.utime(path, (stamp, stamp), follow_symlinks=False)
    return root


def test_equal_content_gives_an_equal_archive_whatever_the_time_stamps(image: ModuleType, tmp_path: Path) -> None:
    for number, stamp in ((1, 1_000_000), (2, 2_000_000)):
        rootfs = small_rootfs(tmp_path / f"root-{number}", stamp)
        image.write_archive(rootfs, tmp_path / f"{number}.tar", "lab.test/x:1")
    assert (tmp_path / "1.tar").read_bytes() == (tmp_path / "2.tar").read_bytes()
    assert sorted(path.name for path in tmp_path.glob("*.layer")) == []


def test_the_archive_is_a_docker_archive_of_one_layer(image: ModuleType, tmp_path: Path) -> None:
    image.write_archive(small_rootfs(tmp_path / "root", 1), tmp_path / "a.tar", "lab.test/x:1")
    with tarfile.open(tmp_path / "a.tar") as archive:
        contents = {name: member_bytes(archive, name) for name in archive.getnames()}
    manifest: list[dict[str, Any]] = json.loads(contents["manifest.json"])
    assert [sorted(entry) for entry in manifest] == [["Config", "Layers", "RepoTags"]]
    assert manifest[0]["RepoTags"] == ["lab.test/x:1"]
    layer = contents[manifest[0]["Layers"][0]]
    config = contents[manifest[0]["Config"]]
    assert manifest[0]["Config"] == f"{hashlib.sha256(config).hexdigest()}.json"
    parsed = json.loads(config)
    assert parsed["rootfs"] == {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]}
    assert (parsed["config"]["User"], parsed["config"]["WorkingDir"]) == ("1000:100", "/home/jovyan")
    with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
        found = {entry.name: (entry.type, entry.linkname, entry.mode & 0o777) for entry in tar.getmembers()}
    assert found["sbin"][:2] == (tarfile.SYMTYPE, "bin") and found["bin/sh"] == (tarfile.REGTYPE, "", 0o755)
    assert found["etc/passwd-"][:2] == (tarfile.LNKTYPE, "etc/passwd")
    assert set(found) == {"bin", "bin/sh", "etc", "etc/passwd", "etc/passwd-", "sbin"}


def member_bytes(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    assert file is not None
    return file.read()


def test_an_image_in_the_cache_is_not_built_again(image: ModuleType, tmp_path: Path) -> None:
    info = image.image_info(tmp_path)
    info.archive.parent.mkdir()
    assert image.build_image(tmp_path, tools=None, progress=pytest.fail) == info


def test_a_failing_tool_leaves_no_image_and_says_what_to_do(
    image: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(build: Any) -> None:
        image._run(build, ["sh", "-c", "echo no space left >&2; exit 3"], limit=10)

    monkeypatch.setattr(image, "_fill", fails)
    monkeypatch.setattr(image.os, "geteuid", lambda: 0)
    with pytest.raises(image.LabError, match=r"(?s)E-LAB-CMD .* ended with 3.*no space left.*Do: "):
        image.build_image(tmp_path, tools=None, progress=print)
    assert list(tmp_path.glob("image-*")) == []


def test_building_without_root_is_refused(image: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image.os, "geteuid", lambda: 1000)
    with pytest.raises(image.LabError, match=r"needs root\. Nothing was changed\. Do: "):
        image.build_image(tmp_path, tools=None)


def test_what_the_machines_apt_knows_is_handed_on(image: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {
        "apt-get": "Debian|http://mirror.test/debian/|bookworm|main\nOther|http://other.test/|bookworm|main\n"
        "Debian|http://mirror.test/security/|bookworm-security|main\n",
        "apt-config": 'Acquire::http::Proxy "http://proxy.test:3128";\nAcquire::https::Proxy "";\n'
        'Acquire::Retries "3";\n',
    }
    monkeypatch.setattr(image, "_output", lambda argv: answers[argv[0]])
    assert image._apt_sources() == [
        "deb http://mirror.test/debian/ bookworm main",
        "deb http://mirror.test/security/ bookworm-security main",
    ]
    assert image._apt_options() == ['Acquire::http::Proxy "http://proxy.test:3128"']


def test_another_debian_release_leaves_the_mirror_to_mmdebstrap(
    image: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image, "_output", lambda argv: "Debian|http://mirror.test/debian/|trixie|main\n")
    assert image._apt_sources() == []
