# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a run ends when it is told to stop."""

from __future__ import annotations

import signal

import pytest
from ansible_collections.researchops.jupyterhub.plugins.module_utils._core.errors import Changed, HubError
from ansible_collections.researchops.jupyterhub.plugins.module_utils._hub.release_tools import UNFINISHED, interruptible


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda one: one.name)
def test_a_signal_becomes_an_error_that_counts_as_unfinished(number: signal.Signals) -> None:
    with pytest.raises(HubError, match=number.name) as caught, interruptible():
        signal.raise_signal(number)
    assert (caught.value.error_id, caught.value.changed) == ("E-HELM-15", Changed.UNKNOWN)
    assert caught.value.error_id in UNFINISHED


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda one: one.name)
def test_afterwards_the_signal_means_what_it_meant_before(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with interruptible():
        assert signal.getsignal(number) is not before
    assert signal.getsignal(number) is before
