# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plays that carry canaries through every module and every role; secrets come as extra variables only."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

SITE = Path(__file__).resolve().parents[2] / "playbooks" / "site.yml"
Json = dict[str, Any]
PREFIX = "researchops.jupyterhub"

PROJECT = "{{ lookup('ansible.builtin.env', 'LAB_GOOGLE_PROJECT') }}"
ACCOUNT = "lookup('ansible.builtin.env', 'LAB_GOOGLE_ACCOUNT_FILE')"
"""The file with the key of a service account that the lab's Google knows."""
CLUSTER = {"project": PROJECT, "location": "nowhere", "name": "none"}
RULE = {"project": PROJECT, "resource": {"all_web": True}}
IN_CLUSTER = {
    "project": PROJECT,
    "namespace": "{{ canary_namespace }}",
    "kubeconfig": "{{ cluster_access_kubeconfig }}",
}
NEEDS: dict[str, Json] = {
    "certificate_map": {"project": PROJECT, "name": "canary", "domain": "canary.lab.test"},
    "cluster_kubeconfig": {"hub": "canary", "gke": CLUSTER, "login_helper": "{{ canary_helper }}"},
    "cluster_tunnel": {
        "hub": "canary",
        "kubeconfig": "{{ cluster_access_kubeconfig }}",
        "bastion": {"iap": {"project": PROJECT, "zone": "nowhere", "instance": "none"}},
        "login_helper": "{{ canary_helper }}",
    },
    "domain_verification": {"domain": "canary.lab.test"},
    "domain_verification_info": {"domain": "canary.lab.test"},
    "gke_cluster_info": CLUSTER,
    "gke_front": {**IN_CLUSTER, "host": "canary.lab.test", "address_name": "canary"},
    "iap_member": {**RULE, "members": ["user:ada@canary.test"]},
    "iap_member_info": RULE,
    "managed_certificate_info": IN_CLUSTER,
    "managed_certificate_reprovision": {**IN_CLUSTER, "name": "canary"},
}
"""Every module that takes a login at Google, and what else it must be given."""
LOGINS = ("access_token", "service_account_contents")
"""The secret options of GCP_OPTIONS in module_utils/_shell.py: one specification for all of these modules."""
ENVIRONMENT = tuple(f"GCP_{option.upper()}" for option in LOGINS)
"""Every environment variable that takes the place of a secret option."""
AWS = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
"""Environment variables that a library reads for one of our modules: no option holds them."""
SHARES = 3
"""In so many runs, one after the other, every module of NEEDS gets its logins."""

MODULES: dict[str, str] = {
    "cluster_kubeconfig.oidc_client_secret": "canary_kubeconfig",
    "gke_front.client_secret": "canary_iap_client",
    "hub_release.secrets": "canary_release",
    "hub_smoke_test.password": "canary_password",
    "hub_smoke_test.stranger_password": "canary_stranger",
    "hub_smoke_test.token": "canary_token",
    "oidc_client_info.client_secret": "canary_client",
    **{f"{module}.{option}": f"canary_{module}_{option}" for module in NEEDS for option in LOGINS},
}
"""Every secret option of a module, and the variable its canary comes in."""

ROLES = (
    "cluster_access_oidc_client_secret",
    "gke_iap_client_secret",
    "hub_dns_key_secret",
    "hub_oauth_client_secret",
    "hub_verify_password",
    "hub_verify_stranger_password",
    "hub_verify_token",
)
"""Every secret variable of a role."""

FILES = (
    "cluster_access_bastion.private_key_file",
    "cluster_access_oidc_client_secret_file",
    "cluster_access_service_account_file",
    "domain_verification_service_account_file",
    "gke_iap_service_account_file",
    "hub_dns_service_account_file",
    "hub_https_private_key_file",
    "hub_verify_service_account_file",
    "hub_verify_stranger_service_account_file",
)
"""Every variable that names a file with a secret in it."""


IAP = {
    "hub_platform": "gke",
    "hub_https_type": "",
    "hub_port": 443,
    "cluster_access_cluster": CLUSTER,
    "gke_iap_oauth_client": "own",
    "gke_iap_client_id": "1-canary.apps.googleusercontent.com",
    "gke_iap_address_name": "canary",
    "gke_iap_timeout": 3,
}
"""A front door on GKE; its load balancer never gets ready in so short a time."""


def _play(tasks: list[Json]) -> list[Json]:
    """A play with the settings of the collection's own playbooks: they decide what a kill leaves on the disk."""
    site = yaml.safe_load(SITE.read_text(encoding="utf-8"))[0]
    settings = {key: site[key] for key in ("connection", "gather_facts", "vars")}
    return [{"name": "Canaries", "hosts": "all", **settings, "tasks": tasks}]


def _both(place: int, module: str) -> Json:
    """Both logins at once, the key in turns as a dictionary and as text.

    One of them is refused then, before GcpAuth has made them known as secrets: only no_log is left to hide them.
    """
    key = {"type": "service_account", "private_key": f"{{{{ canary_{module}_service_account_contents }}}}"}
    text = f"{{{{ {{'type': 'service_account', 'private_key': canary_{module}_service_account_contents}} | to_json }}}}"
    return {
        "auth_kind": "accesstoken",
        "access_token": f"{{{{ canary_{module}_access_token }}}}",
        "service_account_contents": text if place % 2 else key,
    }


def modules(*, broken: bool, only: str = "", share: int | None = None) -> list[Json]:
    """One task per module, two where options exclude each other, and one for the login of each module of NEEDS.

    A run may take a share of these logins, and that is enough: all of them have their options from one specification in
    module_utils/_shell.py, which alone reads, masks and returns them, and GcpAuth alone uses them. Over the rows each
    module has its turns. A token that a header can hold gets as far as Google (gke_cluster_info), and so does the key
    of every run that succeeds (gke_front). Runs without protection take all, and there each one must show.

    Args:
        broken: give every module something that makes it fail, after its secret has been read.
        only: run this module's tasks only.
        share: the logins of every SHARES-th module from this one on; by default of all.
    """

    def task(module: str, wrong: Mapping[str, Any], **options: Any) -> Json:
        given = {**options, **(wrong if broken else {})}
        return {"name": module, f"{PREFIX}.{module}": given, "ignore_errors": True, "register": f"seen_{module}"}

    issuer = "{{ lookup('ansible.builtin.env', 'LAB_ISSUER') }}"
    trusted = "{{ lookup('ansible.builtin.env', 'LAB_CA_FILE') }}"
    smoke = {"url": "{{ canary_hub }}", "timeout": 20, "ca_file": trusted, "http_redirect": False}
    tasks = [
        task(
            "cluster_kubeconfig",
            {"context": "nowhere"},
            hub="canary",
            kubeconfig="{{ cluster_access_kubeconfig }}",
            oidc_issuer=issuer,
            oidc_client_id="automation",
            oidc_client_secret="{{ canary_kubeconfig }}",
            login_helper="{{ canary_helper }}",
        ),
        task(
            "gke_front",
            {"backend_timeout": "{{ canary_iap_client }}"},
            **NEEDS["gke_front"],
            auth_kind="serviceaccount",
            service_account_contents=f"{{{{ lookup('ansible.builtin.file', {ACCOUNT}) | from_json"
            " | combine({'private_key': canary_gke_front_service_account_contents}) }}",
            client_id=IAP["gke_iap_client_id"],
            client_secret="{{ canary_iap_client }}",
            wait_timeout=3,
        ),
        task(
            "gke_cluster_info",
            {"cloud_dns": "{{ canary_gke_cluster_info_access_token }}"},
            **NEEDS["gke_cluster_info"],
            auth_kind="accesstoken",
            access_token="{{ canary_gke_cluster_info_access_token }}",
        ),
        *(
            task(
                module,
                {"auth_kind": f"{{{{ canary_{module}_access_token }}}}"},
                **NEEDS[module],
                **_both(place, module),
            )
            for place, module in enumerate(NEEDS)
            if share in (None, place % SHARES)
        ),
        task(
            "hub_release",
            {"secrets": "{{ canary_release }}"},
            kubeconfig="{{ cluster_access_kubeconfig }}",
            release_name="modules",
            namespace="{{ canary_namespace }}",
            chart_ref="{{ canary_chart }}",
            values={"hub": {"extraEnv": {"A": {"valueFrom": {"secretKeyRef": {"name": "hub-secrets", "key": "A"}}}}}},
            secrets={"A": "{{ canary_release }}"},
            timeout=60,
            pending_policy="rollback",
        ),
        task(
            "oidc_client_info",
            {"token_auth_method": "no such method"},
            issuer=issuer,
            ca_file=trusted,
            client_id="hub-lab",
            client_secret="{{ canary_client }}",
            callback_url="https://canary.lab.test:8443/hub/oauth_callback",
        ),
        task(
            "hub_smoke_test",
            {"keep_server": "perhaps"},
            **smoke,
            login="oidc",
            user="ada",
            password="{{ canary_password }}",
            stranger_user="mallory",
            stranger_password="{{ canary_stranger }}",
        ),
        task(
            "hub_smoke_test", {"timeout": "{{ canary_token }}"}, **smoke, login="hub_token", token="{{ canary_token }}"
        ),
    ]
    chosen = [each for each in tasks if only in ("", each["name"])]
    if broken:
        chosen.append({"name": "Fail", "ansible.builtin.fail": {"msg": "as planned"}})
    return _play(chosen)


def by_environment() -> list[Json]:
    """A module for each kind of login that stands in the environment; one is enough, as for Google's options."""
    tasks: dict[str, Json] = {
        "gke_cluster_info": {**NEEDS["gke_cluster_info"], "auth_kind": "accesstoken"},
        "cluster_kubeconfig": {
            "hub": "canary",
            "eks": {"region": "eu-nowhere-1", "name": "none"},
            "login_helper": "{{ canary_helper }}",
        },
    }
    return _play([{"name": name, f"{PREFIX}.{name}": given, "ignore_errors": True} for name, given in tasks.items()])


def _role(name: str, entry: str = "main", **variables: Any) -> Json:
    """One role by its real entry point; its failure does not stop the next one."""
    call = {"name": f"{PREFIX}.{name}", "tasks_from": entry}
    note = {"name": "Go on", "ansible.builtin.debug": {"msg": "{{ ansible_failed_result.msg | default('') }}"}}
    return {
        "name": f"{name} {entry}",
        "block": [{"name": name, "ansible.builtin.include_role": call, "vars": variables}],
        "rescue": [note],
    }


PLAIN = {"cluster_access_oidc_issuer": ""}
BY_KEY = {
    "cluster_access_method": "gke_iap_bastion",
    "cluster_access_cluster": {"project": "p", "location": "l", "name": "n"},
    "cluster_access_bastion": {"instance": "i", "zone": "z", "private_key_file": "{{ canary_bastion_key }}"},
    "cluster_access_auth_kind": "serviceaccount",
    "cluster_access_service_account_file": "{{ canary_file }}",
}
"""A key that is none: it is read, refused, and nothing is asked of Google."""
MANUAL = {"hub_https_type": "manual", "letsencrypt_method": "none", "hub_https_secret_name": "manual"}
FRONT = {**IAP, "gke_iap_service_account_file": f"{{{{ {ACCOUNT} }}}}", "hub_dns_provider": "manual"}
"""With a name that somebody else sets: the role goes on to the door itself."""
THROUGH_IAP = {
    "hub_verify_login": "iap_service_account",
    "hub_verify_iap_wait": 0,
    "hub_verify_stranger_service_account_file": "{{ canary_stranger_account }}",
}


def preflight() -> list[Json]:
    """The preflight of all roles."""
    return _play([_role("cluster_access"), _role("hub_preflight", **PLAIN, **MANUAL)])


def roles(*, broken: bool) -> list[Json]:
    """Every role that takes a secret, by its real entry points.

    Args:
        broken: fail at the end, after the preflight of all roles.
    """
    there = {"hub_domain": "{{ canary_verify_domain }}"}
    by_file = {"cluster_access_oidc_client_secret": "", "cluster_access_oidc_client_secret_file": "{{ canary_file }}"}
    tasks = [
        _role("cluster_access"),
        _role("cluster_access", **by_file),
        _role("cluster_access", **BY_KEY),
        _role("cluster_access", **PLAIN),
        _role("hub_dns"),
        _role("hub_dns", hub_dns_provider="clouddns", hub_dns_project="canary"),
        _role("domain_verification", domain_verification_enabled=True),
        _role("letsencrypt", letsencrypt_method="direct", hub_https_secret_name="acme"),
        _role("hub_https", **MANUAL),
        _role("hub_oauth"),
        _role("gke_iap", "preflight", **IAP),
        _role("gke_iap", "front", **FRONT),
        # Before z2jh: in check mode nothing is proved of a hub that this role says it would install.
        _role("hub_verify", **there),
        _role("hub_verify", **there, hub_verify_login="hub_token"),
        _role("hub_verify", **there, **THROUGH_IAP),
        _role("z2jh"),
        _role("hub_dns", "absent"),
        _role("hub_https", "absent", **MANUAL),
    ]
    if broken:
        tasks.insert(4, _role("hub_preflight", **PLAIN, **MANUAL))
        tasks.append({"name": "Fail", "ansible.builtin.fail": {"msg": "as planned"}})
    return _play(tasks)
