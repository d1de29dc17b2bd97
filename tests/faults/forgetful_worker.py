"""`worker.py` by day that remembers no case: whatever moves one replays it from its beginning."""

from typing import Any
from unittest.mock import patch

import worker
from runtime.ending import end
from runtime.settings import Settings
from runtime.worker import cases_worker
from tests.faults import worker_by_day


def main() -> int:
    """Run the worker."""

    def forgetful(client: Any, registry: Any, settings: Settings, **more: Any) -> Any:
        return cases_worker(client, registry, settings.model_copy(update={"max_cases_cached": 0}), **more)

    with patch.object(worker, "cases_worker", forgetful):
        return worker_by_day.main()


if __name__ == "__main__":
    end(main())
