# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the load balancers that are wanted to the resources of compute, and to what GKE writes onto the objects.

No I/O: works on the World alone. What somebody else changed on a resource of ours is put right again, except what only
Google's side knows (ids, certificates' status, and an OAuth client that was taken out of a BackendConfig).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from standin.apis import certificatemanager, compute
from standin.errors import GoogleError
from standin.gke.plan import Backend, Front, Key, part_name
from standin.world import World

# In the order in which they can be taken away.
COLLECTIONS = (
    "forwardingRules", "targetHttpsProxies", "targetHttpProxies", "urlMaps", "backendServices", "healthChecks",
    "networkEndpointGroups", "sslCertificates",
)  # fmt: skip

GATEWAY_BACKENDS = "networking.gke.io/backend-services"


@dataclass
class Outcome:
    """What became of one load balancer."""

    address: str = ""
    annotations: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


@dataclass
class Builder:
    """Builds into one project."""

    world: World
    project: str
    uid: str  # of the cluster
    wanted: dict[str, str] = field(default_factory=dict)  # links of this round

    @property
    def where(self) -> str:
        return f"projects/{self.project}/global"

    def put(self, collection: str, body: Mapping[str, Any], owner: str) -> dict[str, Any]:
        """Make a resource be like ``body``; its id stays when it exists."""
        there = compute.table(self.world, self.where, collection)
        found = there.get(body["name"])
        if found is None:
            found = compute.create(self.world, self.where, collection, body)
        elif any(found.get(key) != value for key, value in body.items()):
            found = compute.change(self.world, self.where, collection, body["name"], body)
        self.wanted[found["selfLink"]] = owner
        return found

    # ---- one load balancer -------------------------------------------------------------------------------------
    def build(self, front: Front, tls: Mapping[Key, tuple[str, str]]) -> Outcome:
        """All resources of one front. A part that cannot be made is a problem, and the rest is made all the same."""
        outcome = Outcome(problems=list(front.problems))
        owner = f"{front.kind}/{front.namespace}/{front.name}"
        outcome.address = self._address(front, owner, outcome)
        if not outcome.address or not front.backends:
            return outcome
        links = {name: self._backend(one, owner, outcome)["selfLink"] for name, one in front.backends.items()}
        url_map = self.put("urlMaps", self._url_map(front, links), owner)
        outcome.annotations["ingress.kubernetes.io/url-map"] = url_map["name"]
        certificates = self._certificates(front, tls, owner, outcome)
        certificate_map = self._certificate_map(front, outcome)
        if certificates or certificate_map:
            proxy = {"name": self._name("ts", front), "urlMap": url_map["selfLink"], "sslCertificates": certificates}
            if certificate_map:
                proxy["certificateMap"] = certificate_map
            made = self.put("targetHttpsProxies", proxy, owner)
            rule = self.put("forwardingRules", self._rule("fs", front, outcome.address, "443-443", made), owner)
            outcome.annotations |= {
                "ingress.kubernetes.io/https-target-proxy": made["name"],
                "ingress.kubernetes.io/https-forwarding-rule": rule["name"],
                "ingress.kubernetes.io/ssl-cert": ",".join(link.rsplit("/", 1)[-1] for link in certificates),
            }
        if front.http:
            self._plain(front, url_map, owner, outcome)
        outcome.annotations["ingress.kubernetes.io/static-ip"] = front.address_name
        outcome.annotations["ingress.kubernetes.io/backends"] = json.dumps(
            {name: self._state(link) for name, link in sorted(links.items())}, separators=(",", ":")
        )
        if front.kind == "Gateway":
            number = self.world.projects[self.project]["number"]
            outcome.annotations[GATEWAY_BACKENDS] = ", ".join(
                f"/projects/{number}/global/backendServices/{name}" for name in sorted(links)
            )
        outcome.annotations = {key: value for key, value in outcome.annotations.items() if value}
        return outcome

    def _name(self, part: str, front: Front) -> str:
        return part_name(f"k8s2-{part}", self.uid, front.namespace, front.name)

    def _address(self, front: Front, owner: str, outcome: Outcome) -> str:
        if front.address_name:
            found = compute.table(self.world, self.where, "addresses").get(front.address_name)
            if found is None:
                outcome.problems.append(
                    f"the given static IP name {front.address_name} doesn't translate to an existing static IP."
                )
                return ""
            return str(found["address"])
        for part in ("fs", "fr"):  # an ephemeral address stays as long as a rule holds it
            rule = compute.table(self.world, self.where, "forwardingRules").get(self._name(part, front))
            if rule:
                return str(rule["IPAddress"])
        used = {one.get("IPAddress") for one in compute.table(self.world, self.where, "forwardingRules").values()}
        used |= {one["address"] for one in compute.table(self.world, self.where, "addresses").values()}
        free = [one for one in self.world.projects[self.project]["pool"] if one not in used and ":" not in one]
        if not free:
            outcome.problems.append("no address is left")
            return ""
        return str(free[0])

    def _backend(self, one: Backend, owner: str, outcome: Outcome) -> dict[str, Any]:
        http = {key: one.health[key] for key in ("requestPath", "port") if one.health.get(key)}
        if "port" not in http:
            http["portSpecification"] = "USE_SERVING_PORT"
        times = {
            key: one.health[key]
            for key in ("checkIntervalSec", "timeoutSec", "healthyThreshold", "unhealthyThreshold")
            if one.health.get(key)
        }
        kind = str(one.health.get("type") or "HTTP").upper()
        check = {"name": one.name, "type": kind, f"{kind.lower()}HealthCheck": http, **times}
        health = self.put("healthChecks", check, owner)
        body: dict[str, Any] = {**one.body, "healthChecks": [health["selfLink"]]}
        if one.policy:
            policy = compute.table(self.world, self.where, "securityPolicies").get(one.policy)
            if policy is None:
                outcome.problems.append(f"the security policy {one.policy} does not exist")
            else:
                body["securityPolicy"] = policy["selfLink"]
        before = compute.table(self.world, self.where, "backendServices").get(one.name)
        body["iap"] = self._iap(one, (before or {}).get("iap") or {}, outcome)
        if before and "securityPolicy" in before and "securityPolicy" not in body:
            body["securityPolicy"] = None
        return self.put("backendServices", body, owner)

    def _iap(self, one: Backend, before: Mapping[str, Any], outcome: Outcome) -> dict[str, Any]:
        wanted: dict[str, Any] = {"enabled": one.iap}
        if one.client_id:
            digest = hashlib.sha256(one.client_secret.encode()).hexdigest()
            wanted |= {"oauth2ClientId": one.client_id, "oauth2ClientSecretSha256": digest}
        elif one.iap and before.get("oauth2ClientId"):
            outcome.problems.append(
                "Transition of OAuth client from custom to Google-managed is not supported: the OAuth client of "
                f"backend service {one.name} stays as it is. Clear it on the backend service, or recreate the Ingress."
            )
            wanted = {**before, "enabled": True}
        elif not one.iap:
            wanted = {**before, "enabled": False}
        return wanted

    def _url_map(self, front: Front, links: Mapping[str, str]) -> dict[str, Any]:
        default = next((links[name] for host, path, _exact, name in front.paths if (host, path) == ("*", "/")), "")
        default = default or next(iter(links.values()))
        hosts: dict[str, list[dict[str, Any]]] = {}
        for host, path, exact, name in front.paths:
            whole = ["/*"] if path == "/" else [path, path.rstrip("/") + "/*"]
            patterns = [path] if exact else whole
            hosts.setdefault(host, []).append({"paths": patterns, "service": links[name]})
        matchers = []
        for number, (_host, rules) in enumerate(sorted(hosts.items())):
            usual = next((rule["service"] for rule in rules if rule["paths"] == ["/*"]), default)
            matchers.append({"name": f"host{number}", "defaultService": usual, "pathRules": rules})
        rules = [{"hosts": [host], "pathMatcher": f"host{number}"} for number, host in enumerate(sorted(hosts))]
        return {
            "name": self._name("um", front),
            "defaultService": default,
            "hostRules": rules,
            "pathMatchers": matchers,
        }

    def _certificates(
        self, front: Front, tls: Mapping[Key, tuple[str, str]], owner: str, outcome: Outcome
    ) -> list[str]:
        there = compute.table(self.world, self.where, "sslCertificates")
        links = []
        for name in front.certificates:
            if name in there:
                links.append(there[name]["selfLink"])
            else:
                outcome.problems.append(f"the certificate {name} does not exist")
        for secret in front.tls_secrets:
            pair = tls.get((front.namespace, secret))
            if pair is None:
                outcome.problems.append(f"secret {front.namespace}/{secret} has no tls.crt and tls.key")
                continue
            name = part_name(
                "k8s2-cr", self.uid, front.namespace, secret, hashlib.sha256(pair[0].encode()).hexdigest()[:6]
            )
            if name not in there:
                compute.create(
                    self.world,
                    self.where,
                    "sslCertificates",
                    {"name": name, "certificate": pair[0], "privateKey": pair[1]},
                )
            self.wanted[there[name]["selfLink"]] = owner
            links.append(there[name]["selfLink"])
        if len(links) > 15:
            outcome.problems.append("more than 15 certificates: the rest is left out")
        return links[:15]

    def _certificate_map(self, front: Front, outcome: Outcome) -> str:
        """The map as a target proxy names it; empty where none is wanted or there is none of that name."""
        name = front.certificate_map
        if name and not certificatemanager.map_exists(self.world, self.project, name):
            outcome.problems.append(f"the certificate map {name} does not exist")
            return ""
        return (
            f"{certificatemanager.HOST}projects/{self.project}/locations/global/certificateMaps/{name}" if name else ""
        )

    def _rule(self, part: str, front: Front, address: str, ports: str, proxy: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "name": self._name(part, front),
            "IPAddress": address,
            "IPProtocol": "TCP",
            "portRange": ports,
            "target": proxy["selfLink"],
            "loadBalancingScheme": "EXTERNAL" if front.kind == "Ingress" else "EXTERNAL_MANAGED",
        }

    def _plain(self, front: Front, url_map: Mapping[str, Any], owner: str, outcome: Outcome) -> None:
        target = url_map
        if front.redirect:
            redirect = {"httpsRedirect": True, "redirectResponseCode": "MOVED_PERMANENTLY_DEFAULT"}
            target = self.put("urlMaps", {"name": self._name("rm", front), "defaultUrlRedirect": redirect}, owner)
        proxy = self.put("targetHttpProxies", {"name": self._name("tp", front), "urlMap": target["selfLink"]}, owner)
        rule = self.put("forwardingRules", self._rule("fr", front, outcome.address, "80-80", proxy), owner)
        outcome.annotations |= {
            "ingress.kubernetes.io/target-proxy": proxy["name"],
            "ingress.kubernetes.io/forwarding-rule": rule["name"],
        }

    def _state(self, link: str) -> str:
        """A backend's health in one word."""
        states = {one["healthState"] for one in self.world.health.get(link, [])}
        if not states:
            return "Unknown"
        return "HEALTHY" if "HEALTHY" in states else "UNHEALTHY"

    # ---- what is no longer wanted --------------------------------------------------------------------------------
    def sweep(self) -> None:
        """Take away what an earlier round made and this one did not want."""
        gone = {link for link in self.world.owned if link not in self.wanted}
        for collection in COLLECTIONS:
            there = compute.table(self.world, self.where, collection)
            for name, one in list(there.items()):
                if one["selfLink"] in gone:
                    try:
                        compute.remove(self.world, self.where, collection, name)
                    except GoogleError:
                        self.wanted[one["selfLink"]] = self.world.owned[one["selfLink"]]  # in use: the next round
        self.world.owned = dict(self.wanted)
        self.world.health = {link: seen for link, seen in self.world.health.items() if link in self.wanted}


def sync(
    world: World, project: str, uid: str, fronts: Iterable[Front], tls: Mapping[Key, tuple[str, str]]
) -> dict[tuple[str, str, str], Outcome]:
    """Make compute what the fronts want; what became of each, by kind, namespace and name."""
    builder = Builder(world, project, uid)
    outcomes = {(front.kind, front.namespace, front.name): _built(builder, front, tls) for front in fronts}
    builder.sweep()
    return outcomes


def _built(builder: Builder, front: Front, tls: Mapping[Key, tuple[str, str]]) -> Outcome:
    try:
        return builder.build(front, tls)
    except GoogleError as error:
        return Outcome(problems=[*front.problems, f"googleapi: Error {error.code}: {error.message}"])


def attached_to(world: World, project: str, certificate: str) -> frozenset[str]:
    """The addresses of the load balancers that serve a compute certificate."""
    where = f"projects/{project}/global"
    proxies = {
        one["selfLink"]
        for one in compute.table(world, where, "targetHttpsProxies").values()
        if certificate in [link.rsplit("/", 1)[-1] for link in one.get("sslCertificates") or ()]
    }
    rules = compute.table(world, where, "forwardingRules").values()
    return frozenset(one["IPAddress"] for one in rules if one.get("target") in proxies)
