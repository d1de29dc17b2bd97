"""Work for a whole campaign rather than for one case: invitations, a second look at held benefits, recomputed dates."""

from activities.campaign.campaign import Campaign

__all__ = ["Campaign"]
