"""Migrate the database that `CARDCASE_DATABASE_URL` names."""

import asyncio
import os
import sys

from cases.errors import REMEDIES, CaseError
from deploy.migrations import migrate

EXIT_FAILED, EXIT_CONFIGURATION = 69, 78


def main() -> int:
    """Answers the exit status: 0 migrated, 69 not possible now, 78 no database named."""
    url = os.environ.get("CARDCASE_DATABASE_URL")
    if not url:
        sys.stderr.write("CARDCASE_DATABASE_URL is not set. Set it to postgresql://user:password@host:port/name\n")
        return EXIT_CONFIGURATION
    try:
        applied = asyncio.run(migrate(url))
    except CaseError as failed:
        sys.stderr.write(f"{failed}: {REMEDIES[failed.code].en}\n")
        return EXIT_FAILED
    sys.stdout.write(f"applied: {', '.join(applied)}\n" if applied else "nothing to apply\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
