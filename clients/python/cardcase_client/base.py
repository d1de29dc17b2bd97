"""What all models have in common: what is sent is checked before it leaves, what is answered may say more."""

from typing import Annotated, Any, ClassVar, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, Field

Member = TypeVar("Member")

Open: TypeAlias = Annotated[Member | str, Field(union_mode="left_to_right")]
"""A member of a closed set; or the word itself, where the service knows one more than this release of the client."""


class Sent(BaseModel):
    """What is sent. A field that the interface does not have is refused here, with everything else that is wrong."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    def body(self) -> dict[str, Any]:
        """What goes over the wire: what was said, and what says which model it is.

        What was left out is left out here as well: the same thing said again by a later release of the client, which
        knows more fields, is still the same.
        """
        constants = {
            name
            for name, field in type(self).model_fields.items()
            if field.default is not None and getattr(field.annotation, "__name__", "") == "Literal"
        }
        said = self.model_dump(mode="json", by_alias=True, exclude_unset=True)
        return {name: getattr(self, name) for name in constants} | said


class Fact(Sent):
    """Something that happened to a case, told by whoever holds the credential."""

    event: ClassVar[str]
    """The event that it is told as."""


class Told(BaseModel):
    """What is answered. Fields that this release of the client does not know are passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class Shared(BaseModel):
    """What is sent and answered alike. Fields that this release does not know are kept, and sent on."""

    model_config = ConfigDict(extra="allow", frozen=True, hide_input_in_errors=True)
