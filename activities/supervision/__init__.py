"""Supervision: the directory of offices and posts, and digests to those above the agency."""

from activities.supervision.supervision import Supervision

__all__ = ["Supervision"]
