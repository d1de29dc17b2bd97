"""The register of insured persons: what cases do to it, one transaction per transition."""

from activities.registry.clock import Clock
from activities.registry.registry import Registry

__all__ = ["Clock", "Registry"]
