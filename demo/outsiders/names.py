"""What an outsider and whoever cues it have in common: their names, and the first line that is said."""

from typing import Final

BACK_OFFICE: Final = "back_office"
NAMES: Final = (BACK_OFFICE, "bank", "medical_insurance", "pension", "card_bureau")
READY: Final = {"ready": True}
"""It is told from now on."""
