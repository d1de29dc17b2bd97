"""Claims of people whose number still has 15 digits: on what basis they wait, and what their holders are told."""

from functools import cache

from activities.calendar import Calendars
from activities.registry.loading import ClaimTerms, TermsOf
from cases.errors import CaseError
from cases.policy import Policies


def claim_terms(policies: Policies, calendars: Calendars) -> TermsOf:
    """The terms of each region, by the newest policy that serves it."""

    @cache
    def of_region(region: str) -> ClaimTerms | None:
        try:
            policy = policies.of_region(region)
        except CaseError:
            return None
        ends = policy.campaign_ends(calendars(policy.calendar))
        rules = policy.number_change
        return ClaimTerms(
            legal_basis=rules.suspension.legal_basis,
            facts={
                "legal_basis": rules.suspension.legal_basis,
                "documents": [document.value for document in rules.to_bring()],
                "campaign_ends": ends.at.isoformat(),
                "provisional": ends.provisional,
            },
            owed_under=policy.owed_under,
        )

    return of_region
