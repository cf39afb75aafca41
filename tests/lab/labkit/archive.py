# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The image lab.test/pod: one static program (build/pod), which is also every pod's sandbox image."""

from __future__ import annotations

import hashlib
import io
import json
import platform
import tarfile
from pathlib import Path

from labkit.build import Image, cached

REPOSITORY = "lab.test/pod"


def _file(name: str, content: bytes, mode: int) -> tuple[tarfile.TarInfo, io.BytesIO]:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    return entry, io.BytesIO(content)


def _tar(*files: tuple[str, bytes, int]) -> bytes:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as tar:
        for name, content, mode in files:
            tar.addfile(*_file(name, content, mode))
    return whole.getvalue()


def docker_archive(program: bytes, reference: str) -> bytes:
    """A docker-archive (`docker save` format) of one layer that holds ``/labpod``; equal input, equal bytes."""
    layer = _tar(("labpod", program, 0o755))
    config = json.dumps(
        {
            "architecture": {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine()),
            "os": "linux",
            "config": {"Entrypoint": ["/labpod"], "User": "65535:65535", "WorkingDir": "/"},
            "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]},
        }
    ).encode()
    manifest = json.dumps([{"Config": "config.json", "RepoTags": [reference], "Layers": ["layer.tar"]}]).encode()
    return _tar(("manifest.json", manifest, 0o644), ("config.json", config, 0o644), ("layer.tar", layer, 0o644))


def pod_image(cache: Path, program: Path) -> Image:
    """The archive for this build of the program."""
    key = program.parent.name.rpartition("-")[2]
    reference = f"{REPOSITORY}:{key}"

    def make(work: Path) -> None:
        (work / "pod.tar").write_bytes(docker_archive(program.read_bytes(), reference))

    home = cached(cache, "podimage", key, "pack the pods' helper", make)
    return Image(reference, home / "pod.tar", key)
