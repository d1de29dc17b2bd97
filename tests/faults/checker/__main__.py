"""`python -m tests.faults.checker FOLDER`: says of each invariant whether it holds; ends with 1 where one does not."""

import argparse
import asyncio
from pathlib import Path

import asyncpg

from activities.sealing import KeyRing
from runtime.client import connect
from runtime.codec import PayloadSealer
from runtime.ending import end
from tests.faults.checker.evidence import RUN, Evidence
from tests.faults.checker.invariants import Checked, check


async def checked(folder: Path, keys: KeyRing) -> Checked:
    """Check what a run left in a folder, on servers that still run."""
    evidence = Evidence(folder)
    run = evidence.run
    register = await asyncpg.connect(run.database_url)
    try:
        return await check(evidence, register, await connect(PayloadSealer(keys), run.temporal_address, run.namespace))
    finally:
        await register.close()


def main() -> int:
    """Read the command line, check, and say what was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.checker", description=__doc__)
    parser.add_argument("folder", type=Path, help=f"what the run left; it holds {RUN}")
    parser.add_argument("--keys", type=Path, help="the key ring that opens views; the published one unless named")
    arguments = parser.parse_args()
    keys = KeyRing.sample() if arguments.keys is None else KeyRing.load(arguments.keys)
    found = asyncio.run(checked(arguments.folder, keys))
    print(found)  # noqa: T201 - a program's answer
    return 1 if found.findings else 0


if __name__ == "__main__":
    end(main())
