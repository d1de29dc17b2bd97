"""What was published of a register, for tests that change it afterwards."""

from pathlib import Path
from typing import Final

from activities.heads.places import AppendedFile
from activities.heads.publication import Published
from activities.heads.publishing import publish
from activities.registry.pool import Pool

EVERY: Final = 120.0


async def published(pool: Pool, folder: Path) -> Published:
    """Publish once more to a file of a folder; all that stands in it."""
    place = AppendedFile(folder / "heads")
    await publish(pool, place, EVERY)
    return await read(place)


async def read(place: AppendedFile) -> Published:
    """All that was published at a place."""
    return Published.read([line async for line in place.lines()])
