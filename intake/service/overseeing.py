"""How the caller's offices stand, in figures."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final

from fastapi import Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from activities.registry.overview import overview, within
from cases.clocks import SHANGHAI
from cases.errors import CaseError, Code
from cases.models import RegionCode
from intake.service.callers import caller_of
from intake.service.reach import Reach, answered

MOST_DAYS: Final = 92
"""A quarter."""


class Overseen(BaseModel):
    """Of which office figures are asked for, and over how many days."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    region: RegionCode | None = None
    """Division code of an office within the caller's; a municipality or a province stands for all below it."""
    days: Annotated[int, Field(ge=1, le=MOST_DAYS)] = 30
    """Days, today included, over which what came in and went out is counted."""


@dataclass(frozen=True)
class Overseeing:
    """The route by which supervisors see how their offices stand."""

    reach: Reach

    async def read_overview(self, request: Request, overseen: Annotated[Overseen, Query()]) -> Response:
        """Counted from the register at this moment: open and late cases, in and out, what remains of the campaign.

        Nothing here says whom a case is about.
        """
        office = within(caller_of(request).actor.office, overseen.region)
        if office is None:
            raise CaseError(Code.OFFICE_NOT_COMPETENT)
        found = await overview(
            self.reach.pool, office, datetime.now(SHANGHAI), days=overseen.days, ends=self.reach.campaign_ends
        )
        return answered(found)
