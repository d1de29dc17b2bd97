"""`python -m demo.surroundings.upkeep`: makes what is missing, and ends.

Makes the keys at the first start, migrates, loads the base extract and the directory, and makes the schedules; what is
there already is left alone. It is started beside the servers, and told on its standard input, as a JSON object of
settings, where they are. Ends with 0, or with 69 and what to do on standard output.
"""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Final

from activities.person_keys import DirectoryKeys
from activities.registry.loading import InsuredPerson, load_persons
from activities.registry.pool import create_pool
from activities.sealing import KeyRing, Sealer
from cases.errors import REMEDIES, CaseError, Code
from demo.expected import INSURED
from demo.staffing import staffed
from demo.stage import DATA_DIR, DATABASE_URL, KEY_FILE, data_dir
from demo.surroundings.keys import KeyFiles
from deploy.migrations import migrate
from gate.stamp_keys import SigningKey
from intake import schedules
from runtime.client import connect
from runtime.codec import PayloadSealer
from runtime.ending import end
from runtime.keys import store_of

_UNAVAILABLE: Final = 69


async def keep_up(database_url: str, files: KeyFiles) -> None:
    """All of it. Raises `CaseError`."""
    await migrate(database_url)
    keys = _keys(files)
    sealer = Sealer(keys, store_of(keys, files.persons))
    lines = INSURED.read_text(encoding="utf-8").splitlines()
    pool = await create_pool(database_url, size=2)
    try:
        await load_persons(pool, sealer, map(InsuredPerson.model_validate_json, lines))
        await staffed(pool, sealer)
    finally:
        await pool.close()
    await schedules.apply(await connect(PayloadSealer(keys)))


def _keys(files: KeyFiles) -> KeyRing:
    """The key ring. The gate's key, that of webhooks and the store of persons' keys are made beside it."""
    if not files.persons.exists():
        DirectoryKeys.begin(files.persons)
    if not files.stamp.exists():
        SigningKey.generate().write(files.stamp, files.stamp_trust)
    if not files.webhooks.exists():
        SigningKey.generate().write(files.webhooks, files.webhooks_trust)
    return KeyRing.load(files.ring) if files.ring.exists() else KeyRing.generate(files.ring)


def _explained(error: CaseError, folder: Path) -> str:
    if error.code is Code.SCHEMA_MISMATCH:
        return (
            f"The register in {folder} belongs to another version of cardcase. Remove it (rm -r {folder}), or choose "
            f"another place: export {DATA_DIR}=DIRECTORY. With {DATABASE_URL} set, use an empty database."
        )
    if error.code in {Code.KEY_UNKNOWN, Code.SEAL_BROKEN}:
        return f"The register was sealed with other keys than those in {folder}. {REMEDIES[error.code].en}"
    return f"{error}: {REMEDIES[error.code].en}"


def main() -> int:
    """Returns the exit status."""
    os.environ.update(json.load(sys.stdin))
    try:
        asyncio.run(keep_up(os.environ[DATABASE_URL], KeyFiles(Path(os.environ[KEY_FILE]))))
    except CaseError as error:
        sys.stdout.write(f"{_explained(error, data_dir(os.environ))}\n")
        return _UNAVAILABLE
    return 0


if __name__ == "__main__":
    end(main())
