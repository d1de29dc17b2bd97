"""A small directory: two provinces, one of them without municipalities."""

from typing import Final

from cases.offices import Directory, Duty, Level, Office, Post

AGENCY: Final = "130102"
NEIGHBOUR: Final = "130104"
MUNICIPALITY: Final = "130100"
PROVINCE: Final = "130000"
DIRECT: Final = "110105"
"""An agency of a municipality under the central government: its province does the municipality's work too."""
CAPITAL: Final = "110000"
MINISTRY: Final = "100000"

_OFFICES: Final = (
    (MINISTRY, Level.ministry, None),
    (CAPITAL, Level.province, MINISTRY),
    (DIRECT, Level.agency, CAPITAL),
    (PROVINCE, Level.province, MINISTRY),
    (MUNICIPALITY, Level.municipality, PROVINCE),
    (AGENCY, Level.agency, MUNICIPALITY),
    (NEIGHBOUR, Level.agency, MUNICIPALITY),
)
_DUTIES: Final = {
    Level.agency: (Duty.clerk, Duty.team_lead, Duty.supervisor),
    Level.municipality: (Duty.supervisor, Duty.head),
    Level.province: (Duty.supervisor, Duty.head),
    Level.ministry: (Duty.supervisor,),
}


def directory() -> Directory:
    """Without a fault; every post has a holder and a deputy."""
    return Directory(
        offices=tuple(
            Office(code=code, level=level, parent=parent, name=f"示例机构{code}") for code, level, parent in _OFFICES
        ),
        posts=tuple(
            Post(office=code, role=duty, staff=f"{duty.value}-{code}-{rank}", rank=rank)
            for code, level, _ in _OFFICES
            for duty in _DUTIES[level]
            for rank in (0, 1)
        ),
    )
