"""What an outsider and whoever cues it have in common: their names, and the first line that is said."""

from typing import Final

BACK_OFFICE: Final = "back_office"
TOLD_BY_WEBHOOK: Final = ("bank", "medical_insurance", "pension", "card_bureau")
"""They are asked, now and then. The back office reads the feed: it follows every move of all cases."""
NAMES: Final = (BACK_OFFICE, *TOLD_BY_WEBHOOK)
READY: Final = {"ready": True}
"""It is told from now on."""
