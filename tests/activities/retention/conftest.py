"""A register whose persons have keys of their own."""

from pathlib import Path

import pytest

from activities.person_keys import DirectoryKeys
from activities.sealing import KeyRing, Sealer

RING = KeyRing.sample()


@pytest.fixture
def store(tmp_path: Path) -> Path:
    DirectoryKeys.begin(tmp_path / "store")
    return tmp_path / "store"


@pytest.fixture
def keys(store: Path) -> DirectoryKeys:
    return DirectoryKeys(store, RING.seal_keys, RING.current)


@pytest.fixture
def sealer(keys: DirectoryKeys) -> Sealer:
    return Sealer(RING, keys)
