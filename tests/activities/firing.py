"""As the workflow of a schedule calls an activity."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from temporalio.testing import ActivityEnvironment

from cases.occasions import Scheduled
from tests.stamping import NAMESPACE


def fired(scheduled: Scheduled, **otherwise: Any) -> ActivityEnvironment:
    """The surroundings of an activity for which a schedule's workflow asked, but for what is otherwise."""
    worker: Any = SimpleNamespace(namespace=NAMESPACE)
    environment = ActivityEnvironment(client=worker)
    info = {"workflow_id": scheduled.name, "workflow_type": scheduled.value, "namespace": NAMESPACE} | otherwise
    environment.info = replace(environment.info, **info)
    return environment
