# SPDX-FileCopyrightText: 2026 researchops.jupyterhub contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter that finds a name server's address."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.researchops.jupyterhub.plugins.filter.dns_server_address import FilterModule

dns_server_address = FilterModule().filters()["dns_server_address"]


@pytest.mark.parametrize("address", ["192.0.2.53", "2001:db8::53"])
def test_an_address_stays_as_it_is(address: str) -> None:
    assert dns_server_address(address) == address


def test_a_name_becomes_its_first_address(monkeypatch: Any) -> None:
    found = [(2, 1, 6, "", ("192.0.2.53", 53)), (2, 1, 6, "", ("192.0.2.54", 53))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_words: found)
    assert dns_server_address("ns1.example.org") == "192.0.2.53"


def test_a_name_without_an_address_is_one_error(monkeypatch: Any) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(
        AnsibleFilterError, match=r"E-DNS-04 The DNS server nowhere.test has no address: Name or service"
    ):
        dns_server_address("nowhere.test")
