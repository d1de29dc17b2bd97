"""What is done for a whole campaign rather than for one case: invitations, benefits looked at again, dates anew."""

from activities.campaign.campaign import Campaign

__all__ = ["Campaign"]
