"""The offices of the demonstration, their staff, and where they are reached: who is told about late cases."""

from typing import Final

from activities.registry.pool import Pool
from activities.sealing import Sealer
from activities.supervision.contacts import ContactsReplaced, replace_contacts
from activities.supervision.directory import replace_directory
from demo.expected import SAMPLES
from intake.files.contacts import read_contacts
from intake.files.directory import read_directory

DIRECTORY: Final = SAMPLES / "directory.toml"
CONTACTS: Final = SAMPLES / "staff-contacts.csv"


async def staffed(pool: Pool, sealer: Sealer) -> ContactsReplaced:
    """Load the sample directory and its contacts; what is there already is left as it is.

    Raises `CaseError` with a code where the database cannot be reached or refuses.
    """
    await replace_directory(pool, read_directory(DIRECTORY).directory)
    return await replace_contacts(pool, sealer, read_contacts(CONTACTS).contacts)
