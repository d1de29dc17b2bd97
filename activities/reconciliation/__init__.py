"""The proof that register and Temporal agree about every case, and what brings them into step where they do not."""

from activities.reconciliation.reconciler import Reconciler

__all__ = ["Reconciler"]
