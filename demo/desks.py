"""Who has a desk in the demonstration: clerks, officers, operators and supervisors, at each of their agencies."""

from pathlib import Path
from typing import Final

from cases.models import Actor, Role
from cases.offices import MINISTRY
from demo.facts import ROLES
from demo.scripts import SYSTEMS, Part
from samples.people import OFFICES

OVERSEER: Final = Actor(id=Part.supervisor.staff_id, role=Role.supervisor, office=MINISTRY)
"""Sees the cases of all regions."""
STAFF: Final = (
    OVERSEER,
    *(
        Actor(id=part.staff_id, role=ROLES[part], office=region)
        for office in OFFICES
        for region in office.regions
        for part in Part
        if part not in SYSTEMS
    ),
    *(
        Actor(id=clerk, role=Role.clerk, office=region)
        for office in OFFICES
        for region in office.regions
        for clerk in office.clerks
    ),
)
"""Everybody who has a desk, at each agency that they work for."""


def verifier(region: str) -> Actor:
    """The clerk who verifies at an agency, and looks at its cases for all others."""
    return Actor(id=Part.clerk.staff_id, role=Role.clerk, office=region)


def token_file(tokens: Path, actor: Actor) -> Path:
    """Where somebody's identity token stands."""
    return tokens / "staff" / f"{actor.id}@{actor.office}"
