"""How much one subject may ask of the gate: requests and stamps in all, and stamps of each event by itself.

A credential that was taken is good for as long as nobody notices. Until then it decides no more than its owner could.
"""

from collections import Counter
from collections.abc import Iterable

from cases.errors import CaseError, Code
from cases.events import Act
from cases.models import Actor
from runtime.limits import Limits


class AskedTooOften(CaseError):
    """A quota is used up; `retry_after` are the whole seconds after which it is not."""

    def __init__(self, seconds: float) -> None:
        super().__init__(Code.REQUESTED_TOO_OFTEN)
        self.retry_after = max(1, round(seconds))


class Quotas:
    """Counts what each subject asks. They are the process' own: several processes have a share each."""

    def __init__(self, of_subject: Limits, of_event: Limits) -> None:
        self._of_subject = of_subject
        self._of_event = of_event

    def take_request(self, subject: Actor) -> None:
        """Count a request. Raises `AskedTooOften`."""
        if seconds := self._of_subject.take(subject.id):
            raise AskedTooOften(seconds)

    def take_stamps(self, subject: Actor, acts: Iterable[Act]) -> None:
        """Count what a request wants to be stamped: all of it or nothing. Raises `AskedTooOften`."""
        wanted = Counter((subject.id, str(act)) for act in acts)
        if seconds := max((self._of_event.wait(each, count) for each, count in wanted.items()), default=0.0):
            raise AskedTooOften(seconds)
        for each, count in wanted.items():
            self._of_event.take(each, count)
