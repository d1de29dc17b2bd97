"""Headers and parameters of routes, as the description of the interface names them."""

from typing import Annotated, Final

from fastapi import Header, Path

from intake.requests import KEY_HEADER

OWN_KEY: Final = r"^[A-Za-z0-9._:-]{1,90}$"

KeyHeader = Annotated[
    str | None,
    Header(
        alias=KEY_HEADER,
        description="The same key has effect once, for ever; without one the content itself is the key.",
        json_schema_extra={"pattern": OWN_KEY},
    ),
]
"""Its form is looked at with the body (`intake.service.acting.own_key`): whoever has no right learns nothing of it."""
MatchHeader = Annotated[
    str | None, Header(alias="If-Match", description="Only where the case still stands at this `ETag`, else 412.")
]
NoneMatchHeader = Annotated[
    str | None, Header(alias="If-None-Match", description="With `wait`: answer when the case is not at this `ETag`.")
]
CaseId = Annotated[str, Path(description="Case ID.", pattern=r"^[a-z]{3}-[a-z2-7]{26}$")]
