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
SMALL: Final = 4096
"""Bytes that anything may be inflated to."""
RATIO: Final = 16
"""So many times its own length a longer content may have at most; ours have some five times. Deflate packs a thousand
into one, and a message of Temporal's holds thousands of payloads: whoever has a key would fill a process' memory."""

_WINDOW: Final = -13
"""A window of 8 KB, and neither header nor checksum: the seal tells what was changed."""
_MEMORY: Final = 6
"""Of 9: these payloads have some hundred bytes, and more memory takes longer to clear than to use."""
_PRIMED: Final = zlib.compressobj(wbits=_WINDOW, memLevel=_MEMORY, zdict=DICTIONARY)


def deflate(content: bytes) -> bytes | None:
    """The short form of a content; None for what would not be inflated again."""
    deflating = _PRIMED.copy()
    deflated = deflating.compress(content) + deflating.flush()
    return deflated if len(content) <= _most(deflated) else None


def inflate(deflated: bytes) -> bytes:
    """The content of a short form.

    Raises `ValueError` for what is none, is cut, or would be larger than `LARGEST`, or than `RATIO` allows.
    """
    inflating = zlib.decompressobj(_WINDOW, DICTIONARY)
    try:
        content = inflating.decompress(deflated, _most(deflated))
    except zlib.error:
        raise ValueError from None
    if not inflating.eof or inflating.unused_data:
        raise ValueError
    return content


def _most(deflated: bytes) -> int:
    """Bytes that a short form may be inflated to."""
    return min(LARGEST, max(SMALL, RATIO * len(deflated)))
