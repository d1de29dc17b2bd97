"""What a back-office system applies with for another name."""

from typing import Any, Literal

from intake.applications import Application, ShownNumber
from tests.third.record import NAME_CHANGE


class NameChangeApplication(Application):
    """Another name is applied for."""

    kind: Literal[NAME_CHANGE] = NAME_CHANGE  # type: ignore[valid-type]  # known when the test runs
    number: ShownNumber
    decree: str

    @property
    def of_its_kind(self) -> dict[str, Any]:
        """The decree."""
        return {"decree": self.decree}
