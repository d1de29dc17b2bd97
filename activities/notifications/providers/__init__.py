"""Providers: those who carry messages, one for each channel, and what they answer.

A provider is called with a key that is the same at every attempt, so a call whose outcome nobody knows may be repeated.
What it answers is one of four things, and "I do not know" is one of them: it is never taken for "no".
"""

from activities.notifications.providers.answers import Answer, Parcel, Provider, Verdict

__all__ = ["Answer", "Parcel", "Provider", "Verdict"]
