"""`worker.py` as it runs by day, whatever the hour: nobody has to be left in peace, and no rung fires by chance.

Everything else is the worker of production, the register's own clock included.
"""

from unittest.mock import patch

import worker
from activities.notifications import notifications
from cases.policy import Policies
from runtime.ending import end
from tests.engine import quiet_policies


def main() -> int:
    """Run the worker."""
    with (
        patch.object(notifications, "quiet_until", lambda _at: None),
        patch.object(Policies, "load", quiet_policies),
    ):
        return worker.main()


if __name__ == "__main__":
    end(main())
