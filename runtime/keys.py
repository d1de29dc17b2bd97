"""The key ring of a process, and the command that makes a new one and rotates its payload keys.

python -m runtime.keys new FILE
python -m runtime.keys list FILE
python -m runtime.keys add FILE ID     one more key, which opens
python -m runtime.keys use FILE ID     the key that seals from now on
python -m runtime.keys drop FILE ID    a key that opens nothing any more
python -m runtime.keys store FOLDER    an empty store of persons' keys

A changed file is read when a process starts. Others need the same file: change it once and give it to all.
"""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from activities.person_keys import DirectoryKeys, PersonKeys
from activities.sealing import KeyRing, Sealer
from cases.errors import CaseError

MAKE_A_RING: Final = "A new key ring: python -m runtime.keys new FILE"
MAKE_A_STORE: Final = "An empty store: python -m runtime.keys store FOLDER"

EXIT_USAGE, EXIT_DATA = 64, 65


def sealer_of(key_file: Path, store: Path | None) -> Sealer:
    """What seals and opens with a key file and, where there is one, a store of persons' keys. Raises `CaseError`."""
    ring = KeyRing.load(key_file)
    return Sealer(ring, None if store is None else store_of(ring, store))


def store_of(ring: KeyRing, store: Path) -> PersonKeys:
    """The store of persons' keys in a folder, each sealed under a seal key of the ring."""
    return DirectoryKeys(store, ring.seal_keys, ring.current)


def fault_of(path: Path) -> str | None:
    """What is wrong with a key file, without anything it holds; None where it can be used."""
    if not path.is_file():
        return "names no file"
    try:
        KeyRing.load(path)
    except CaseError as wrong:
        return (wrong.field or wrong.code.value).removeprefix("key_file: ")
    return None


def main(arguments: list[str]) -> int:
    """Make a key file, or change one; answers the exit status."""
    try:
        match arguments:
            case ["new", file]:
                KeyRing.generate(Path(file))
            case ["list", file]:
                sys.stdout.write(_listed(KeyRing.load(Path(file))))
            case ["add" | "use" | "drop" as deed, file, key_id]:
                _CHANGES[deed](KeyRing.load(Path(file)), key_id).replace(Path(file))
            case ["store", folder]:
                DirectoryKeys.begin(Path(folder))
            case _:
                sys.stderr.write(f"{__doc__}\n")
                return EXIT_USAGE
    except CaseError as wrong:
        sys.stderr.write(f"nothing was changed: {wrong.field or wrong.code}\n")
        return EXIT_DATA
    except FileExistsError:
        sys.stderr.write(
            "there is such a file or folder already, or one beside it ends in .new; they are left as they are\n"
        )
        return EXIT_DATA
    except OSError as failed:
        sys.stderr.write(f"the file cannot be written: {type(failed).__name__}\n")
        return EXIT_DATA
    return 0


_CHANGES: Final[Mapping[str, Callable[[KeyRing, str], KeyRing]]] = {
    "add": KeyRing.with_payload_key,
    "use": KeyRing.sealing_payloads_with,
    "drop": KeyRing.without_payload_key,
}


def _listed(ring: KeyRing) -> str:
    """The payload keys by ID, and which of them seals."""
    return "".join(
        f"{key_id}{' seals' if key_id == ring.payload_current else ' opens'}\n" for key_id in ring.payload_keys
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
