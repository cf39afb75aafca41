# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a run ends when it is told to stop."""

from __future__ import annotations

import signal

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import Changed, HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.release_tools import UNFINISHED, interruptible


def test_sigterm_becomes_an_error_that_counts_as_unfinished() -> None:
    with pytest.raises(HubError) as caught, interruptible():
        signal.raise_signal(signal.SIGTERM)
    assert (caught.value.error_id, caught.value.changed) == ("E-HELM-15", Changed.UNKNOWN)
    assert caught.value.error_id in UNFINISHED


def test_afterwards_the_signal_means_what_it_meant_before() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with interruptible():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before
