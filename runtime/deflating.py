"""What a payload says, deflated before it is sealed (RFC 1951), with what our contracts say again and again in mind.

The dictionary holds names of the contracts and nothing of anybody. It never changes, because what was deflated by it is
inflated by it for as long as Temporal keeps it: another one is another file, and another first byte inside the seal.
"""

import zlib
from pathlib import Path
from typing import Final

DICTIONARY: Final = Path(__file__).with_name("dictionary_1.txt").read_bytes()
"""What often stands in payloads, the most frequent last; zlib looks back 8 KB, and no further."""
LARGEST: Final = 4 * 1024 * 1024
"""Bytes of the largest payload that is inflated; Temporal takes none that is larger, deflated or not."""

_WINDOW: Final = -13
"""A window of 8 KB, and neither header nor checksum: the seal tells what was changed."""
_MEMORY: Final = 6
"""Of 9: these payloads have some hundred bytes, and more memory takes longer to clear than to use."""
_PRIMED: Final = zlib.compressobj(wbits=_WINDOW, memLevel=_MEMORY, zdict=DICTIONARY)


def deflate(content: bytes) -> bytes:
    """The short form of a content."""
    deflating = _PRIMED.copy()
    return deflating.compress(content) + deflating.flush()


def inflate(deflated: bytes) -> bytes:
    """The content of a short form. Raises `ValueError` for what is none, is cut, or would be larger than `LARGEST`."""
    inflating = zlib.decompressobj(_WINDOW, DICTIONARY)
    try:
        content = inflating.decompress(deflated, LARGEST)
    except zlib.error:
        raise ValueError from None
    if not inflating.eof or inflating.unused_data:
        raise ValueError
    return content
