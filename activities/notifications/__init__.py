"""Notifications: who is told, where they are reached, and the way of each message through its channels."""
