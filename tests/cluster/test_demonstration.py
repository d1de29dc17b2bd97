"""The demonstration on a cluster of services: as on the local stack, everybody ends as the sample says."""

from pathlib import Path

import pytest

from stack.cluster import Bed
from tests.demo.test_demo import ENDED, demo

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900, func_only=True)]


async def test_everybody_ends_as_the_sample_says(bed: Bed, tmp_path: Path) -> None:
    settings = {
        "CARDCASE_DATABASE_URL": bed.database_url,
        "TEMPORAL_ADDRESS": bed.temporal_address,
        "TEMPORAL_NAMESPACE": bed.namespace,
    }
    async with demo(tmp_path, "--exit", settings=settings) as running:
        assert await running.ends() == 0, running.said
    assert ENDED in running.said
