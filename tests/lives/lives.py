"""Many lives, several at a time; of one that goes wrong the shortest form that still does."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Final

import asyncpg

from activities.registry.pool import Connection, Pool
from activities.sealing import Sealer
from cases.policy import Policies
from tests.engine import Engine
from tests.lives.life import ACTS, Life
from tests.lives.on_register import LifeOnRegister
from tests.lives.on_temporal import LifeOnTemporal, RegisterOfLives
from tests.lives.shortest import shortest

AT_A_TIME: Final = 3
"""While one waits for the database, another one decides."""
AT_A_TIME_THROUGH_TEMPORAL: Final = 6


@asynccontextmanager
async def watching(url: str) -> AsyncIterator[Connection]:
    """A connection by which the rules are asked: planned once, because planning them takes ten times as long."""
    settings = {"plan_cache_mode": "force_generic_plan"}
    watcher = await asyncpg.connect(url, server_settings=settings, max_cacheable_statement_size=0)
    try:
        yield watcher
    finally:
        await watcher.close()


class Lives:
    """Lives on one register."""

    at_a_time = AT_A_TIME

    def __init__(self, pool: Pool, url: str, sealer: Sealer, policies: Policies) -> None:
        self.pool = pool
        self.url = url
        self.sealer = sealer
        self.policies = policies

    def life(self, seed: int, watcher: Connection) -> Life:
        """One life that has not begun."""
        return LifeOnRegister(seed, self.pool, watcher, self.sealer, self.policies)

    async def all_lived(self, seeds: Iterable[int]) -> Counter[str]:
        """What happened in all of them, and how often. Raises `AssertionError` for the first that goes wrong."""
        happened: Counter[str] = Counter()
        to_live = iter(seeds)

        async def one_after_the_other() -> None:
            async with watching(self.url) as watcher:
                for seed in to_live:
                    happened.update(await self._lived(seed, watcher))

        async with asyncio.TaskGroup() as group:
            for _ in range(self.at_a_time):
                group.create_task(one_after_the_other())
        return happened

    async def _lived(self, seed: int, watcher: Connection) -> Counter[str]:
        life = self.life(seed, watcher)
        try:
            await life.lived(range(ACTS))
        except Exception as wrong:
            story = await self.shortest_story(seed, watcher)
            raise AssertionError(f"life {seed} goes wrong: {wrong}\n{story}") from wrong
        return life.happened

    async def shortest_story(self, seed: int, watcher: Connection) -> str:
        """How it goes wrong, with as little as possible beside."""

        async def goes_wrong(acts: tuple[int, ...]) -> bool:
            try:
                await self.life(seed, watcher).lived(acts)
            except Exception:  # noqa: BLE001 - whatever goes wrong is made short
                return True
            return False

        acts = await shortest(tuple(range(ACTS)), goes_wrong)
        life = self.life(seed, watcher)
        try:
            await life.lived(acts)
        except Exception as wrong:  # noqa: BLE001 - whatever goes wrong is told
            life.story.append(f"then: {wrong}")
        return "\n".join((f"acts {acts} of {ACTS}", *life.story))


class LivesThroughTemporal(Lives):
    """Lives on one engine."""

    at_a_time = AT_A_TIME_THROUGH_TEMPORAL

    def __init__(self, engine: Engine, register: RegisterOfLives, policies: Policies) -> None:
        super().__init__(engine.pool, engine.database_url, engine.sealer, policies)
        self._engine = engine
        self._register = register

    def life(self, seed: int, watcher: Connection) -> Life:
        """One life that has not begun."""
        return LifeOnTemporal(seed, self._engine, self._register, watcher, self.policies)
