# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Private to this collection: names and behaviour may change in any release.

"""What an upgrade must never do to the hub's database and to people's homes. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from string import Formatter
from typing import Any

from .._core.errors import HubError
from .._core.plan import Step
from .._k8s.front import addresses_of
from .._k8s.guard import CLASS_CURE, is_default_class
from .._k8s.objects import identity
from .manifest import Manifest, hub_values, is_kept, passed_on
from .values import HUB_SECRETS, dig, mapping_at, root_path

Json = dict[str, Any]

CLAIM = "PersistentVolumeClaim"
HOMES_SELECTOR = "component=singleuser-storage"
"""Labels KubeSpawner puts on people's claims."""
SCHEME_SINCE = 4
"""The first chart with KubeSpawner 7, which knows ``slug_scheme`` and starts with ``safe``; before it there was only
what is called ``escape`` now."""
PLAIN_FIELDS = frozenset({"userid", "hubnamespace"})
PLAIN_PREFIXES = ("unescaped_", "safe_", "escaped_")
"""What a template may use without depending on ``slug_scheme`` (KubeSpawner, ``_expand_user_properties``)."""


@dataclass(frozen=True)
class Homes:
    """What decides the names of people's claims, from the values a chart's Secret carries.

    KubeSpawner 7 remembers claims and looks for those with a name in the old scheme, but that proves nothing here: it
    looks under today's template only, which the chart changed between 3 and 4 (zero-to-jupyterhub-k8s#3574), and not
    after a server from before the upgrade was stopped once (kubespawner#937). Then people find an empty home.

    Attributes:
        template: ``singleuser.storage.dynamic.pvcNameTemplate``, or KubeSpawner's own option where that is set.
        scheme: ``slug_scheme``, or what KubeSpawner does without it; None where the template does not depend on it.
        kind: ``singleuser.storage.type``.
        static: the one claim of a static setup.
    """

    template: str | None = None
    scheme: str | None = None
    kind: str | None = None
    static: str | None = None


def check_database(new: Manifest, old: Manifest) -> None:
    """Refuse an upgrade that gives the hub another claim, or takes its claim away for good.

    Raises:
        HubError: E-STORE-02.
    """
    before, after = _claims(old), _claims(new)
    lost = [name for name, claim in before.items() if name not in after]
    gained = [name for name in after if name not in before]
    deleted = [name for name in lost if not is_kept(before[name])]
    if lost and gained:
        raise HubError(
            "E-STORE-02",
            f"This upgrade would move the hub from claim {', '.join(lost)} to a new, empty claim {', '.join(gained)}",
            "keep fullnameOverride and nameOverride as they were; to move on purpose, take the release down "
            "(teardown.yml leaves the claim), install it under the new name, and copy the database from the old claim",
            seen=f"claim {', '.join(gained)} in the new release",
            wanted=f"claim {', '.join(lost)}, as deployed",
        )
    if deleted:
        raise HubError(
            "E-STORE-02",
            f"This upgrade would delete claim {', '.join(deleted)} and the database on it",
            "keep hub.db.type; to leave sqlite on purpose, first run once with the type unchanged (that protects the "
            "claim with Helm's keep policy), copy the database yourself (a volume snapshot, for example), "
            "then change the type",
        )


def _claims(manifest: Manifest) -> dict[str, Json]:
    return {identity(claim).name: claim for claim in manifest.of_kind(CLAIM)}


def read_homes(manifest: Manifest) -> Homes | None:
    """What decides people's claims, from the values the hub reads; None where there is no hub."""
    values = hub_values(manifest)
    return homes_of(values) if values else None


def check_reached(new: Manifest, values: Mapping[str, Any], root: str) -> None:
    """Refuse a release whose hub does not get its login: with the chart's own default, anybody could enter.

    Helm says nothing about values below a key that no dependency of a parent chart has.

    Args:
        new: the new manifest; a chart that tells nobody its values is not judged.
        values: as Helm is given them.
        root: the key of a parent chart below which the hub's values are.

    Raises:
        HubError: E-VALUES-13.
    """
    wanted = _login(mapping_at(values, *root_path(root)))
    seen = [_login(one) for one in passed_on(new) if isinstance(one.get("hub"), Mapping)]
    if wanted is None or not seen or wanted in seen:
        return
    raise HubError(
        "E-VALUES-13",
        f"The values {f'below {root} ' if root else ''}do not reach the hub of this chart, which would be open to "
        "anybody or log in another way",
        "set z2jh_values_root to the key of the hub's chart among the parent chart's dependencies (jupyterhub for "
        "daskhub); leave it empty for Zero to JupyterHub's own chart",
        seen=f"authenticator_class {_told(seen[0])}",
        wanted=f"authenticator_class {wanted}",
    )


def _login(values: Mapping[str, Any]) -> str | None:
    chosen = mapping_at(values, "hub", "config", "JupyterHub").get("authenticator_class")
    return str(chosen) if chosen else None


def homes_of(values: Mapping[str, Any]) -> Homes:
    """What decides people's claims, from z2jh values as the chart passes them on, with its own version among them."""
    storage = mapping_at(values, "singleuser", "storage")
    spawner = mapping_at(values, "hub", "config", "KubeSpawner")
    dynamic, static = mapping_at(storage, "dynamic"), mapping_at(storage, "static")
    template = spawner.get("pvc_name_template") or dynamic.get("pvcNameTemplate")
    scheme = spawner.get("slug_scheme") or _usual_scheme(dig(values, "Chart", "Version"))
    if template and not _needs_scheme(str(template)):
        scheme = None
    return Homes(template, scheme, storage.get("type"), static.get("pvcName"))


def _usual_scheme(version: object) -> str:
    """What KubeSpawner does where ``slug_scheme`` is not set; a chart that does not tell its version counts as new."""
    major = re.match(r"v?(?!0\.0\.)(\d+)\.", str(version or ""))  # 0.0 is a chart like today's out of a repository
    return "escape" if major and int(major[1]) < SCHEME_SINCE else "safe"


def _needs_scheme(template: str) -> bool:
    """Whether another scheme may make another name of a template; one that cannot be read may."""
    try:
        fields = {field for _text, field, _form, _conversion in Formatter().parse(template) if field is not None}
    except ValueError:
        return True
    return any(not (field in PLAIN_FIELDS or field.startswith(PLAIN_PREFIXES)) for field in fields)


def homes_moved(new: Homes | None, old: Homes | None) -> bool:
    """Whether an upgrade would look for people's homes under other names."""
    return new is not None and old is not None and new != old


def check_homes(new: Homes | None, old: Homes | None, claims: Sequence[str]) -> None:
    """Refuse an upgrade after which people would find empty homes.

    Args:
        new: from the new manifest.
        old: from the deployed one.
        claims: names of people's claims in the namespace; without any, nobody can lose one.

    Raises:
        HubError: E-STORE-03.
    """
    if not claims or not homes_moved(new, old) or new is None or old is None:
        return
    changed = {name: (before, after) for name, before, after in _pairs(old, new) if before != after}
    raise HubError(
        "E-STORE-03",
        f"This upgrade would look for people's homes under other names; {len(claims)} homes would seem empty",
        "keep the deployed values in z2jh_values: slug_scheme goes under hub.config.KubeSpawner, pvcNameTemplate under "
        "singleuser.storage.dynamic (a hub of a chart before 4 has slug_scheme escape without saying so)",
        seen="; ".join(f"{name} {_told(after)}" for name, (_before, after) in changed.items()),
        wanted="; ".join(f"{name} {_told(before)}" for name, (before, _after) in changed.items()),
        details={"claims": sorted(claims)[:20]},
    )


def _pairs(old: Homes, new: Homes) -> list[tuple[str, str | None, str | None]]:
    return [
        ("pvcNameTemplate", old.template, new.template),
        ("slug_scheme", old.scheme, new.scheme),
        ("singleuser.storage.type", old.kind, new.kind),
        ("static.pvcName", old.static, new.static),
    ]


def _told(value: str | None) -> str:
    return "unset" if value is None else value


def check_storage(created: Iterable[Json], classes: Sequence[Json]) -> None:
    """Refuse to make a claim that nothing would ever bind.

    Args:
        created: new objects as the server would store them.
        classes: the StorageClasses of the cluster.

    Raises:
        HubError: E-STORE-01.
    """
    names = [item["metadata"]["name"] for item in classes]
    for claim in created:
        spec = claim.get("spec") or {}
        wanted = spec.get("storageClassName")
        if claim.get("kind") != CLAIM or wanted == "" or spec.get("volumeName") or spec.get("selector"):
            continue
        if wanted is None and not any(is_default_class(item) for item in classes):
            raise no_storage(identity(claim).name, "no default StorageClass in this cluster", names)
        if wanted is not None and wanted not in names:
            raise no_storage(identity(claim).name, f"there is no StorageClass {wanted} in this cluster", names)


def no_storage(claim: str, reason: str, classes: Sequence[str]) -> HubError:
    """The error for a claim that will stay Pending."""
    found = ", ".join(sorted(classes)) or "none"
    return HubError(
        "E-STORE-01",
        f"The hub's claim {claim} will stay Pending: {reason} (found: {found})",
        CLASS_CURE,
        details={"claim": claim, "classes": sorted(classes)},
    )


def newly_mounted(new: Manifest, old: Manifest) -> dict[str, str]:
    """The Secrets that running workloads shall mount from now on and the chart does not bring, each with who needs it.

    Pods wait for such a Secret for ever; where their Deployment is Recreate, as z2jh's proxy is, nothing serves then.
    """
    before = {identity(obj): _mounts(obj) for obj in old.objects}
    brought = {str(identity(secret)) for secret in new.of_kind("Secret")} | {f"Secret/{HUB_SECRETS}"}
    found: dict[str, str] = {}
    for obj in new.objects:
        for name in _mounts(obj) - before.get(identity(obj), _mounts(obj)):
            if f"Secret/{name}" not in brought:
                found.setdefault(name, str(identity(obj)))
    return found


def _mounts(obj: Json) -> set[str]:
    """The Secrets without which a workload's pods do not start."""
    volumes = dig(obj, "spec", "template", "spec", "volumes") or []
    secrets = [volume["secret"] for volume in volumes if volume.get("secret")]
    return {str(secret.get("secretName")) for secret in secrets if not secret.get("optional")}


def nobody_made(secret: str, workload: str, namespace: str) -> HubError:
    """E-HELM-20."""
    return HubError(
        "E-HELM-20",
        f"The new {workload} mounts Secret {secret}, which does not exist in namespace {namespace}: its pods would not "
        "start, and those that run now would be stopped for them",
        "run the whole site.yml, which makes what the inventory asks for before the upgrade (--tags z2jh does not); "
        f"or create Secret {secret} yourself first",
    )


def leaving_balancer(steps: Iterable[Step]) -> list[str]:
    """Names of the Services that these steps would take from their load balancer to ClusterIP."""
    return [
        step.target.removeprefix("Service/")
        for step in steps
        if step.target.startswith("Service/") and step.fields.get("spec.type") == ("LoadBalancer", "ClusterIP")
    ]


def check_address(services: Iterable[Json | None]) -> None:
    """Refuse to give up the address people reach a running hub by, where nothing has taken its place.

    Args:
        services: those of the release that would become ClusterIP, as they are now; the hub has no other front.

    Raises:
        HubError: E-FRONT-11.
    """
    for service in services:
        metadata, addresses = (service or {}).get("metadata") or {}, addresses_of(service)
        if addresses and (metadata.get("labels") or {}).get("component") == "proxy-public":
            raise HubError(
                "E-FRONT-11",
                f"This upgrade would take the address {', '.join(addresses)} from Service {metadata['name']}, and "
                "there is no Service hub-front to reach the hub by",
                "run the whole site.yml, which finds this out by itself, or set hub_front_keep_proxy_public: true in "
                "the inventory (not behind Identity-Aware Proxy); to give the address up on purpose, change the type "
                "of this Service yourself first",
                seen="type ClusterIP in the new release",
                wanted="type LoadBalancer, as it is",
            )


def check_removal(manifest: Manifest) -> None:
    """Refuse to remove a release whose claims Helm would delete with it.

    Raises:
        HubError: E-STORE-04.
    """
    doomed = [name for name, claim in _claims(manifest).items() if not is_kept(claim)]
    if doomed:
        raise HubError(
            "E-STORE-04",
            f"Removing this release would delete claim {', '.join(doomed)} and the data on it",
            "run site.yml (state: present) once, which protects the claim with Helm's keep policy, then remove the "
            "release; or set hub_teardown_data: true (keep_data: false) if all data may go",
        )
