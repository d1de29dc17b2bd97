"""Notifications: who is told, where they are reached, and the way of each message through its channels."""

from activities.notifications.notifications import Notifications

__all__ = ["Notifications"]
