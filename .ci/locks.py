"""Tells whether the lock files are in step with pyproject.toml, without a package index.

Each lock file must pin, with hashes and without an address, exactly what its part of pyproject.toml needs: the closure
over the metadata of the installed distributions, which `make` installs from the largest lock file.

The peers of the benchmark are not installed here. Their lock file must suit what they are asked for in, agree with the
largest one where both pin, and hold no address either. Those of npm must ask for what is asked for beside them, and pin
each package by hash and not by where it was found.
"""

import json
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Final, NamedTuple

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

LOCKS: Final = {
    "requirements-runtime.txt": (),
    "requirements.txt": ("demo",),
    "requirements-dev.txt": ("demo", "dev", "rehearsal"),
}

PEERS: Final = "benchmarks/requirements-peers"
NPM: Final = ("benchmarks", "clients/typescript")
ADDRESSES: Final = ("://", "--index-url", "--find-links")

Pins = dict[NormalizedName, str]

_PIN: Final = re.compile(
    r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>\S+)(?: ; (?P<marker>[^\\\n]+))? \\\n"
    r"(?P<hashes>(?:    --hash=sha256:\S+(?: \\)?\n)+)"
)
_LINE_OF_NO_PIN: Final = re.compile(r"\s*(?:#.*)?")


class _Wanted(NamedTuple):
    requirement: Requirement
    by: str


def _needs(requirements: Iterable[str], extras: Iterable[str], by: str) -> Iterator[_Wanted]:
    for requirement in map(Requirement, requirements):
        environments = [{"extra": extra} for extra in extras] or [{"extra": ""}]
        if requirement.marker is None or any(requirement.marker.evaluate(each) for each in environments):
            yield _Wanted(requirement, by)


def _pins(text: str) -> tuple[Pins, list[str]]:
    """The pins of a lock file that hold for this machine, and the lines in it that are no pins."""
    pins = {
        canonicalize_name(found["name"]): found["version"]
        for found in _PIN.finditer(text)
        if found["marker"] is None or Marker(found["marker"]).evaluate()
    }
    others = [line for line in _PIN.sub("", text).splitlines() if not _LINE_OF_NO_PIN.fullmatch(line)]
    return pins, others


def _closure(wanted: list[_Wanted], pins: Pins) -> tuple[set[NormalizedName], list[str]]:
    """Everything that is needed, and what is wrong with its pins."""
    reached: set[NormalizedName] = set()
    followed: set[tuple[NormalizedName, frozenset[str]]] = set()
    faults = []
    while wanted:
        requirement, by = wanted.pop()
        name, extras = canonicalize_name(requirement.name), frozenset(requirement.extras)
        reached.add(name)
        if name not in pins:
            faults.append(f"{name} is missing, {by} needs it")
        elif not requirement.specifier.contains(pins[name], prereleases=True):
            faults.append(f"{name} {pins[name]} does not suit {by}, which needs {requirement.specifier}")
        if (name, extras) in followed:
            continue
        followed.add((name, extras))
        try:
            installed = distribution(name)
        except PackageNotFoundError:
            faults.append(f"{name} is not installed")
            continue
        if name in pins and installed.version != pins[name]:
            faults.append(f"{name} {pins[name]} is pinned and {installed.version} is installed")
        wanted.extend(_needs(installed.requires or (), extras, name))
    return reached, faults


def _faults(lock: Path, requirements: list[str]) -> list[str]:
    text = lock.read_text(encoding="utf-8")
    pins, others = _pins(text)
    reached, faults = _closure(list(_needs(requirements, (), "pyproject.toml")), pins)
    if not faults:  # else what lies behind a fault would be reported as superfluous
        faults = [f"{name} is pinned and nothing needs it" for name in sorted(pins.keys() - reached)]
    faults += _faults_of_form(text, others)
    return [f"{lock.name}: {fault}" for fault in faults]


def _faults_of_form(text: str, others: list[str]) -> list[str]:
    faults = [f"this line pins nothing by hash: {line.strip()}" for line in others]
    if any(word in text for word in ADDRESSES):
        faults.append("it holds an address")
    return faults


def _faults_of_peers(root: Path) -> list[str]:
    text = (root / f"{PEERS}.txt").read_text(encoding="utf-8")
    wanted = [
        line.partition("#")[0].strip() for line in (root / f"{PEERS}.in").read_text(encoding="utf-8").splitlines()
    ]
    pins, others = _pins(text)
    ours, _ = _pins((root / "requirements-dev.txt").read_text(encoding="utf-8"))
    faults = _faults_of_form(text, others)
    for requirement in map(Requirement, filter(None, wanted)):
        pinned = pins.get(canonicalize_name(requirement.name))
        if pinned is None or not requirement.specifier.contains(pinned, prereleases=True):
            faults.append(f"{requirement} is wanted and {pinned} is pinned")
    faults += [f"{name} is another one than ours" for name in sorted(pins.keys() & ours) if pins[name] != ours[name]]
    return [f"{PEERS}: {fault}" for fault in faults]


def _faults_of_npm(folder: Path) -> Iterator[str]:
    asked = json.loads((folder / "package.json").read_text(encoding="utf-8"))
    packages = json.loads((folder / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    locked = packages.pop("")
    for group in ("dependencies", "devDependencies", "optionalDependencies"):
        if asked.get(group) != locked.get(group):
            yield f"{folder.name}/package-lock.json: {group} are others than in package.json"
    for name, package in packages.items():
        if "resolved" in package:
            yield f"{folder.name}/package-lock.json: {name} holds an address"
        if not package.get("integrity", "").startswith("sha512-"):
            yield f"{folder.name}/package-lock.json: {name} is pinned by no hash"


def main() -> None:
    """Print what is out of step, and exit with status 1 if anything is."""
    root = Path(__file__).resolve().parent.parent
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    faults: list[str] = []
    for name, extras in LOCKS.items():
        optional = [line for extra in extras for line in project["optional-dependencies"][extra]]
        faults += _faults(root / name, project["dependencies"] + optional)
    faults += _faults_of_peers(root)
    for folder in NPM:
        faults += _faults_of_npm(root / folder)
    if faults:
        sys.exit("\n".join([*dict.fromkeys(faults), "repair with: make lock"]))


if __name__ == "__main__":
    main()
