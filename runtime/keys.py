"""The key ring of a process, and the command that makes a new one.

python -m runtime.keys new FILE
"""

import sys
from pathlib import Path
from typing import Final

from activities.sealing import KeyRing
from cases.errors import CaseError

MAKE_A_RING: Final = "A new key ring: python -m runtime.keys new FILE"

EXIT_USAGE, EXIT_DATA = 64, 65


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
    """Make a key file that only its owner can read; an existing one is left alone."""
    match arguments:
        case ["new", file]:
            path = Path(file)
        case _:
            sys.stderr.write(f"{__doc__}\n")
            return EXIT_USAGE
    try:
        KeyRing.generate(path)
    except FileExistsError:
        sys.stderr.write("there is such a file already; it is left as it is\n")
        return EXIT_DATA
    except OSError as failed:
        sys.stderr.write(f"the file cannot be written: {type(failed).__name__}\n")
        return EXIT_DATA
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
