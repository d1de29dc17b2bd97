"""What happens to a cluster of services, and to no server that is one process."""

import asyncio
from typing import Final

from stack.cluster import Bed, Place, TemporalServices
from tests.faults.scenarios import Scenario
from tests.faults.site import Site

LOST_SECONDS: Final = 30.0
"""So long a host of the history service is away: the other one has its shards long before."""


def services_of(site: Site) -> TemporalServices:
    """The services of a site that has some."""
    assert isinstance(site.stack, Bed)
    return site.stack.temporal


async def services_are_killed(site: Site) -> None:
    """SIGKILL of each service in turn, in an order that is drawn."""
    services = services_of(site)
    for place in site.chance.sample(list(Place), len(Place)):
        await asyncio.sleep(site.chance.uniform(2, 6))
        async with site.trouble(f"SIGKILL of {place}", stops=True):
            await services.kill_one(place)
            await asyncio.sleep(site.chance.uniform(0, 3))
            await services.start_one(place)


async def services_are_rolled(site: Site) -> None:
    """Rolling restarts: SIGTERM of each service, and the next one when it listens again."""
    services = services_of(site)
    for place in Place:
        async with site.trouble(f"SIGTERM of {place}", stops=True):
            await services.stop_one(place)
            await services.start_one(place)
        await asyncio.sleep(site.chance.uniform(3, 8))


async def a_history_host_is_lost(site: Site) -> None:
    """One of the two hosts that hold the shards is killed and stays away: the other one takes them over."""
    services = services_of(site)
    for place in (Place.history_1, Place.history_2):
        await asyncio.sleep(site.chance.uniform(2, 6))
        async with site.trouble(f"loss of {place}", stops=True):
            await services.kill_one(place)
            await asyncio.sleep(LOST_SECONDS)
        await services.start_one(place)


SCENARIOS: Final[tuple[Scenario, ...]] = (
    Scenario("services-killed", services_are_killed, seconds=150, heavy=True),
    Scenario("services-rolled", services_are_rolled, seconds=120, heavy=True),
    Scenario("history-host-lost", a_history_host_is_lost, cases=120, seconds=180, heavy=True),
)
