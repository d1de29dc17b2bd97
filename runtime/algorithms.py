"""The algorithms by which payloads are sealed, by name: for whoever names one and seals nothing."""

from enum import StrEnum
from typing import Final


class Algorithm(StrEnum):
    """How payloads are sealed, by the names of JOSE (RFC 7518) and RFC 8998."""

    aes_256_gcm = "A256GCM"
    sm4_gcm = "SM4-GCM"

    @property
    def mark(self) -> int:
        """How it is named in a sealed payload."""
        return _MARKS[self]


_MARKS: Final = {Algorithm.aes_256_gcm: 1, Algorithm.sm4_gcm: 2}
