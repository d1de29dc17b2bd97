"""What a region's policy says about changed names."""

from collections.abc import Mapping
from typing import Any

from cases.documents import Demand, DocumentKind
from cases.machines.machine import Clock
from cases.models import System
from cases.numbers import Road
from cases.openings import Opening
from cases.policy import Allowed, DeliveryLimit, Limit, Part, Policies, Policy
from cases.state import CaseState

BASIS = "示例文件〔2026〕第1号"


class NameChangeRules(Part):
    """How a region changes names."""

    supplement: Limit
    asking: DeliveryLimit
    confirmation: Limit
    confirmations: tuple[System, ...]

    def demands_of(self, _opening: Opening, _road: Road | None) -> tuple[Demand, ...]:
        """The one document."""
        return (Demand(document=DocumentKind.police_certificate, legal_basis=BASIS),)

    def terms(self) -> dict[str, Any]:
        """Who confirms."""
        return {"confirmations": self.confirmations}

    def budgets(self, _state: CaseState) -> Mapping[Clock, Allowed]:
        """The limits of the applicant and of the bank."""
        return {
            Clock.supplement: self.supplement.allowed,
            Clock.delivery: self.asking.allowed,
            Clock.confirmation: self.confirmation.allowed,
        }


class Pack(Policy):
    """A pack with a part for names."""

    names: NameChangeRules


def with_names(pack: Policy) -> Pack:
    """The pack with its part for names."""
    names = {
        "processing": {"working_days": 15, "at_most": 30, "legal_basis": BASIS},
        "steps": [{"status": "in_review", "percent": 60}],
        "supplement": {"working_days": 7, "at_most": 30, "legal_basis": BASIS},
        "asking": {"working_days": 1, "legal_basis": BASIS},
        "confirmation": {"working_days": 5, "at_most": 30, "legal_basis": BASIS},
        "confirmations": ["bank"],
    }
    return Pack.model_validate({**pack.model_dump(), "names": names})


def packs(known: Policies) -> Policies:
    """The newest packs of two regions, each with its part for names."""
    return Policies(with_names(known.of_region(region)) for region in ("110105", "440103"))
