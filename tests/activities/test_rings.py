"""A ring belongs to a register that it filled, and to one that nobody has filled."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from activities.registry.loading import InsuredPerson, load_persons
from activities.registry.pool import Pool, connection_of
from activities.registry.rings import belongs
from activities.sealing import KeyRing, Sealer

SAMPLE = KeyRing.sample()
OTHER_KEY = bytes(range(1, 33))


async def fill(pool: Pool, sealer: Sealer, sequences: Sequence[int]) -> None:
    people = [
        InsuredPerson(
            personal_number=f"T{sequence:07}",
            source_version=1,
            name="合成人",
            number=f"110105190101{sequence:03}",
            region="110105",
        )
        for sequence in sequences
    ]
    assert (await load_persons(pool, sealer, people)).loaded == len(people)


async def test_a_ring_belongs_to_the_register_that_it_filled_and_to_an_empty_one(pool: Pool, sealer: Sealer) -> None:
    assert await belongs(pool, sealer)
    await fill(pool, sealer, range(101, 105))
    assert await belongs(pool, sealer)


@pytest.mark.parametrize(
    "other",
    [
        replace(SAMPLE, token_key=OTHER_KEY),
        replace(SAMPLE, seal_keys={"sample": OTHER_KEY}),
        replace(SAMPLE, seal_keys={"k1": OTHER_KEY}, current="k1"),
    ],
    ids=["other tokens", "another key of the same ID", "a key of another ID"],
)
async def test_a_ring_with_other_keys_does_not_belong_to_it(pool: Pool, sealer: Sealer, other: KeyRing) -> None:
    await fill(pool, sealer, range(101, 105))
    assert not await belongs(pool, Sealer(other))


async def test_one_row_that_was_spoilt_does_not_estrange_a_ring(pool: Pool, sealer: Sealer) -> None:
    await fill(pool, sealer, range(101, 105))
    async with connection_of(pool) as connection:
        await connection.execute(
            "UPDATE numbers SET sealed = (SELECT sealed FROM numbers ORDER BY id LIMIT 1)"
            " WHERE id = (SELECT max(id) FROM numbers)"
        )
    assert await belongs(pool, sealer)


async def test_a_ring_that_was_rotated_belongs_to_it_still(pool: Pool, sealer: Sealer) -> None:
    await fill(pool, sealer, range(101, 105))
    rotated = replace(SAMPLE, seal_keys={**SAMPLE.seal_keys, "k2": OTHER_KEY}, current="k2")
    assert await belongs(pool, Sealer(rotated))
