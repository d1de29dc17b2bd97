"""What the steps of a script tell, those of outside systems included, for tests that play all parts themselves."""

import hashlib
from collections.abc import Sequence
from typing import Any

from cases.answers import CaseView
from cases.events import Event
from demo.facts import answer_of, said_of
from demo.scripts import SYSTEMS, Tell


def told_of(tell: Tell, view: CaseView, requests: Sequence[str]) -> dict[str, Any]:
    """The fields of a step's fact as they go over the wire, told to a case that looks like `view`.

    It has asked for `requests` so far.
    """
    if tell.by not in SYSTEMS:
        return said_of(tell, view, requests)
    said = answer_of(tell, view, requests)
    if said.get("produced") or tell.event is Event.card_turned_up:
        said["card_number"] = f"D{int(hashlib.sha256(said['order'].encode()).hexdigest(), 16) % 10**8:08d}"
    return said
