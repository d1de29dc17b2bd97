"""`worker.py` as it runs by day, whatever the hour: nobody has to be left in peace, and no rung fires by chance.

    CANARY_METRICS=HOST:PORT python -m tests.canary.worker_by_day

Applicants are not told anything at night, and a search at night would find no notification to look at. Cases skip time,
and the register follows their clock. The metrics of Temporal's core are served, for they are searched too. Everything
else is the worker of production.
"""

import os
from functools import partial
from typing import Final
from unittest.mock import patch

import runtime.start
import worker
from activities.notifications import notifications
from activities.notifications.notifications import Notifications
from activities.registry import Clock, Registry
from cases.policy import Policies
from runtime.ending import end
from runtime.logs import core_runtime
from tests.engine import quiet_policies

METRICS: Final = "CANARY_METRICS"


def main() -> int:
    """Run the worker."""
    with (
        patch.object(runtime.start, "core_runtime", partial(core_runtime, os.environ[METRICS])),
        patch.object(notifications, "quiet_until", lambda _at: None),
        patch.object(Policies, "load", quiet_policies),
        patch.object(worker, "Registry", partial(Registry, clock=Clock.callers)),
        patch.object(worker, "Notifications", partial(Notifications, clock=Clock.callers)),
    ):
        return worker.main()


if __name__ == "__main__":
    end(main())
