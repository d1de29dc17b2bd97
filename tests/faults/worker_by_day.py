"""`worker.py` as it runs by day, whatever the hour: nobody has to be left in peace, and no rung fires by chance.

Everything else is the worker of production, the register's own clock included.
"""

from functools import partial
from unittest.mock import patch

import worker
from activities.notifications import notifications
from cases.policy import Policies
from runtime.ending import end
from tests.engine import quiet_policies
from tests.faults.clocks import shift_of_this_process


def main() -> int:
    """Run the worker."""
    with (
        patch.object(notifications, "quiet_until", lambda _at: None),
        patch.object(Policies, "load", partial(quiet_policies, shift_of_this_process())),
    ):
        return worker.main()


if __name__ == "__main__":
    end(main())
