"""A real HAProxy with the shipped configuration is the border: what a client says of its own address ends there."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deployment.balancer import addresses_are_not_believed
from tests.support.programs import program

COMPOSE = Path(__file__).parents[3] / "config" / "compose"


@pytest.mark.needs_programs("haproxy")
async def test_no_client_passes_an_allow_list_by_what_it_says_of_its_address(tmp_path: Path) -> None:
    assert await addresses_are_not_believed(tmp_path, COMPOSE / "haproxy.cfg", str(program("haproxy"))) == ""


def test_the_balancer_is_the_one_proxy_and_no_other_container_can_have_its_address() -> None:
    compose: Any = yaml.safe_load((COMPOSE / "compose.yaml").read_text(encoding="utf-8"))
    gateway: Any = yaml.safe_load((COMPOSE / "gateway.yaml").read_text(encoding="utf-8"))
    address = compose["services"]["balancer"]["networks"]["calls"]["ipv4_address"]
    assert gateway["server"]["trusted_proxies"] == [address]
    (pool,) = compose["networks"]["calls"]["ipam"]["config"]
    subnet, given_out = ip_network(pool["subnet"]), ip_network(pool["ip_range"])
    assert ip_address(address) in subnet
    assert given_out.overlaps(subnet)
    assert ip_address(address) not in given_out
