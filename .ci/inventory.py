"""Writes down what the image brings along: a bill of materials (CycloneDX 1.6), and under which licences all of it is.

    python .ci/inventory.py [--check]

Both follow from requirements-runtime.txt, which pins each distribution by hash, and from the metadata of what is
installed, and hold no date: the same pins give the same files. `--check` writes nothing and ends with 1 where one of
them is not in step. A licence that nobody has looked at ends either with 1.
"""

import json
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import Any, Final, NamedTuple

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT: Final = Path(__file__).resolve().parent.parent
LOCK: Final = "requirements-runtime.txt"
BILL: Final = "deploy/sbom.cdx.json"
LICENCES: Final = "docs/licences.md"

_PIN: Final = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)", re.MULTILINE)

ACCEPTED: Final = {
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "MIT",
    "MIT-0",
    "PSF-2.0",
    # Of a file or a library alone, and both are used unchanged.
    "LGPL-2.1-or-later",
    "MPL-2.0",
}
"""Licences under which something may be brought along; identifiers of SPDX."""
_SPDX: Final = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2.0": "Apache-2.0",
    "ISC License": "ISC",
    "LGPL": "LGPL-2.1-or-later",
    "MIT License": "MIT",
    "License :: OSI Approved :: BSD License": "BSD-3-Clause",
    "License :: OSI Approved :: MIT License": "MIT",
}
"""What older metadata calls them."""


class Component(NamedTuple):
    """A distribution, under which licence it is, and what it asks for."""

    name: str
    version: str
    licence: str
    needs: tuple[str, ...]

    @property
    def purl(self) -> str:
        """Its name among packages of all kinds."""
        return f"pkg:pypi/{self.name}@{self.version}"


def licence_of(known: Distribution) -> str:
    """An expression of SPDX, or the word that stands there."""
    told = known.metadata
    classifiers = (each for each in told.get_all("Classifier") or () if each in _SPDX)
    said = told.get("License-Expression") or told.get("License") or next(classifiers, "none told")
    return _SPDX.get(said, said)


def components(pins: dict[str, str], asked: Iterable[str]) -> Iterator[Component]:
    """What is pinned, in the order of names; `asked` are the requirements of the project."""
    extras: dict[str, set[str]] = {name: set() for name in pins}
    needs: dict[str, tuple[str, ...]] = {}
    waiting = list(_needed(asked, frozenset(), pins, extras))
    while waiting:
        name = waiting.pop()
        found = tuple(sorted(set(_needed(distribution(name).requires or (), extras[name], pins, extras))))
        # An extra that is asked for later brings more along.
        if needs.get(name) != found:
            needs[name] = found
            waiting += found
    for name, version in sorted(pins.items()):
        yield Component(name, version, licence_of(distribution(name)), needs.get(name, ()))


def _needed(
    lines: Iterable[str], extras: Iterable[str], pins: dict[str, str], asked_for: dict[str, set[str]]
) -> Iterator[str]:
    """Names among the pins, of whatever machine: a marker that does not hold here may hold where the image is made."""
    for requirement in map(Requirement, lines):
        name, marker = canonicalize_name(requirement.name), str(requirement.marker or "")
        if name in pins and ("extra ==" not in marker or any(f'"{extra}"' in marker for extra in extras)):
            asked_for[name] |= requirement.extras
            yield name


def bill_of(project: dict[str, Any], found: list[Component], asked: Iterable[str]) -> dict[str, Any]:
    """The bill of materials."""
    ours = f"pkg:pypi/{project['name']}@{project['version']}"
    by_name = {each.name: each.purl for each in found}
    direct = sorted({by_name[name] for name in (canonicalize_name(Requirement(line).name) for line in asked)})
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": ours,
                "name": project["name"],
                "version": project["version"],
                "description": project["description"],
                "licenses": [{"expression": project["license"]}],
            },
            "properties": [{"name": "cardcase:pinned-by-hash-in", "value": LOCK}],
        },
        "components": [
            {
                "type": "library",
                "bom-ref": each.purl,
                "name": each.name,
                "version": each.version,
                "purl": each.purl,
                "licenses": [{"expression": each.licence}],
            }
            for each in found
        ],
        "dependencies": [
            {"ref": ours, "dependsOn": direct},
            *({"ref": each.purl, "dependsOn": [by_name[name] for name in each.needs]} for each in found),
        ],
    }


def page_of(found: list[Component]) -> str:
    """The list of licences, for people."""
    lines = [
        "# Licences of what the image brings along",
        "",
        f"Written by `make inventory` from [{LOCK}](../{LOCK}). For programs the same, with what needs what, is a",
        f"bill of materials (CycloneDX 1.6): [{BILL}](../{BILL}). A licence that nobody has looked at is refused.",
        "",
        "| package | version | licence |",
        "| --- | --- | --- |",
        *(f"| {each.name} | {each.version} | {each.licence} |" for each in found),
    ]
    return "\n".join(lines) + "\n"


def faults_of(found: list[Component]) -> list[str]:
    """Licences that nobody has looked at."""
    return [
        f"{each.name}: nobody has looked at its licence, {each.licence}"
        for each in found
        if not set(re.split(r" (?:AND|OR) ", each.licence.replace("(", "").replace(")", ""))) <= ACCEPTED
    ]


def main(arguments: list[str]) -> int:
    """Write both files, or compare them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lock = (ROOT / LOCK).read_text(encoding="utf-8")
    pins = {str(canonicalize_name(name)): version for name, version in _PIN.findall(lock)}
    found = list(components(pins, project["dependencies"]))
    texts = {
        BILL: json.dumps(bill_of(project, found, project["dependencies"]), indent=1, ensure_ascii=False) + "\n",
        LICENCES: page_of(found),
    }
    faults = faults_of(found)
    for name, text in texts.items():
        path = ROOT / name
        if arguments != ["--check"]:
            path.write_text(text, encoding="utf-8")
        elif not path.is_file() or path.read_text(encoding="utf-8") != text:
            faults.append(f"{name} is not in step with {LOCK}: make inventory")
    sys.stdout.write("".join(f"{fault}\n" for fault in faults))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
