"""The register of insured persons: what cases do to it, one transaction per transition."""

from activities.registry.registry import Clock, Registry

__all__ = ["Clock", "Registry"]
