"""What is installed: the rooms of the product and the two programs, nothing that is for trying out."""

import tomllib
from typing import Any

from setuptools import find_namespace_packages

from tests.deploy.image import CLIENT, PRODUCT, ROOT


def _configured() -> dict[str, Any]:
    configured: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return configured


def test_the_wheel_holds_the_rooms_of_the_product_and_no_other() -> None:
    wheel = _configured()["tool"]["setuptools"]
    find = wheel["packages"]["find"]
    found = [
        package
        for place in find["where"]
        for package in find_namespace_packages(str(ROOT / place), include=find["include"])
    ]
    assert {package.partition(".")[0] for package in found} == {*PRODUCT, CLIENT}
    assert {"activities.notifications", "cases.policies", "deploy.migrations.versions"} <= set(found)
    assert wheel["py-modules"] == ["starter", "worker"]


def test_every_room_that_imports_may_reach_is_either_product_or_apart() -> None:
    layers = _configured()["tool"]["importlinter"]["contracts"][0]["layers"]
    rooms = [{room.strip() for room in layer.split("|")} for layer in layers]
    apart = set.union(*(rooms[:3]))
    assert set.union(*rooms) - apart == PRODUCT
    assert apart == {"benchmarks", "demo", "rehearsal", "samples", "stack"}
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert packages - {"tests"} == PRODUCT | apart
