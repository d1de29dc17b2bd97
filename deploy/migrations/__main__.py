"""Migrate the database that `CARDCASE_DATABASE_URL` names."""

import asyncio
import sys

from cases.errors import REMEDIES, CaseError
from deploy.migrations import migrate
from runtime.settings import ConfigurationInvalid, RegisterSettings, read_settings

EXIT_FAILED, EXIT_CONFIGURATION = 69, 78


def main() -> int:
    """Answers the exit status: 0 migrated, 69 not possible now, 78 no database named, or one that may not be."""
    try:
        settings = read_settings(RegisterSettings)
    except ConfigurationInvalid as invalid:
        sys.stderr.writelines(f"{problem}\n" for problem in invalid.problems)
        return EXIT_CONFIGURATION
    try:
        applied = asyncio.run(migrate(settings.database_url.get_secret_value()))
    except CaseError as failed:
        sys.stderr.write(f"{failed}: {REMEDIES[failed.code].en}\n")
        return EXIT_FAILED
    sys.stdout.write(f"applied: {', '.join(applied)}\n" if applied else "nothing to apply\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
