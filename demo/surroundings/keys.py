"""Where the keys are that upkeep makes, and that workers, service and gate open."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class KeyFiles:
    """The files, all beside the key ring."""

    ring: Path

    @property
    def persons(self) -> Path:
        """The store of persons' keys."""
        return self.ring.with_name("persons")

    @property
    def stamp(self) -> Path:
        """The gate's key."""
        return self.ring.with_name("gate.json")

    @property
    def stamp_trust(self) -> Path:
        """Its public half, which the worker believes."""
        return self.ring.with_name("gate-public.json")

    @property
    def webhooks(self) -> Path:
        """The key by which the worker signs webhooks."""
        return self.ring.with_name("webhook.json")

    @property
    def webhooks_trust(self) -> Path:
        """Its public half."""
        return self.ring.with_name("webhook-public.json")
