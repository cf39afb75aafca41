# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The option ``resource`` is what the documentation fragment says."""

from __future__ import annotations

from typing import Any

import yaml
from ansible_collections.researchops.jupyterhub.plugins.doc_fragments.gcp import ModuleDocFragment as Gcp
from ansible_collections.researchops.jupyterhub.plugins.doc_fragments.iap import ModuleDocFragment as Iap
from ansible_collections.researchops.jupyterhub.plugins.module_utils._gcp.iap_options import RESOURCE
from ansible_collections.researchops.jupyterhub.plugins.module_utils._shell import GCP_OPTIONS, GCP_PROJECT

WORDS = ("type", "required", "choices", "default", "elements")


def documented(text: str) -> Any:
    def bare(options: dict[str, Any]) -> Any:
        return {
            name: {key: option[key] for key in WORDS if key in option}
            | ({"options": bare(option["suboptions"])} if "suboptions" in option else {})
            for name, option in options.items()
        }

    return bare(yaml.safe_load(text)["options"])


def specified(options: dict[str, Any]) -> Any:
    return {
        name: {key: option[key] for key in WORDS if key in option}
        | ({"options": specified(option["options"])} if "options" in option else {})
        for name, option in options.items()
    }


def test_the_fragments_document_exactly_the_options() -> None:
    assert documented(Iap.DOCUMENTATION) == specified(RESOURCE)
    assert documented(Gcp.DOCUMENTATION) == specified(GCP_OPTIONS)
    assert documented(Gcp.PROJECT) == specified(GCP_PROJECT)
