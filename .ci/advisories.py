"""Asks an index of advisories about everything that is pinned, the packages of the benchmark and of the tests included.

    ADVISORIES_URL=https://… python .ci/advisories.py

The index is one that answers as OSV does: `POST …/v1/querybatch`. Nothing is sent but names and versions that stand in
the lock files. Ends with 0 where nothing is known of any of them, 1 where something is, 64 without an address, 69 where
the index does not answer or answers something else: silence is no good news.
"""

import json
import os
import re
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
LOCKS: Final = ("requirements-dev.txt", "benchmarks/requirements-peers.txt")
EXIT_FOUND, EXIT_USAGE, EXIT_UNAVAILABLE = 1, 64, 69
SECONDS: Final = 30.0
_AT_ONCE: Final = 500
_LARGEST: Final = 16 * 1024 * 1024
_PIN: Final = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)", re.MULTILINE)


def pinned(root: Path = ROOT) -> list[tuple[str, str]]:
    """Names and versions."""
    return sorted({pin for lock in LOCKS for pin in _PIN.findall((root / lock).read_text(encoding="utf-8"))})


def known_of(pins: list[tuple[str, str]], url: str) -> dict[tuple[str, str], list[str]]:
    """IDs of the advisories of each, where there are any. Raises `OSError`, `ValueError`."""
    known: dict[tuple[str, str], list[str]] = {}
    for begin in range(0, len(pins), _AT_ONCE):
        some = pins[begin : begin + _AT_ONCE]
        asked = [{"package": {"name": name, "ecosystem": "PyPI"}, "version": version} for name, version in some]
        answers = _asked(f"{url.rstrip('/')}/v1/querybatch", {"queries": asked})["results"]
        for pin, answer in zip(some, answers, strict=True):
            if answer.get("vulns"):
                known[pin] = sorted(each["id"] for each in answer["vulns"])
    return known


def _asked(url: str, question: dict[str, Any]) -> dict[str, Any]:
    if not url.startswith(("https://", "http://127.0.0.1:")):
        raise ValueError
    request = urllib.request.Request(  # noqa: S310 - the scheme was looked at
        url, json.dumps(question).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310 - as above
        content = answer.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise ValueError
    answered: dict[str, Any] = json.loads(content)
    return answered


def main() -> int:
    """Ask, and say what is known."""
    url = os.environ.get("ADVISORIES_URL", "")
    if not url:
        sys.stderr.write("ADVISORIES_URL names no index of advisories\n")
        return EXIT_USAGE
    pins = pinned()
    try:
        known = known_of(pins, url)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as wrong:
        sys.stderr.write(f"the index of advisories does not answer: {type(wrong).__name__}\n")
        return EXIT_UNAVAILABLE
    for (name, version), advisories in known.items():
        sys.stdout.write(f"{name} {version}: {', '.join(advisories)}\n")
    sys.stdout.write(f"{len(pins)} packages, {len(known)} with advisories\n")
    return EXIT_FOUND if known else 0


if __name__ == "__main__":
    sys.exit(main())
