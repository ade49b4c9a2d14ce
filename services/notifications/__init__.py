"""Notifications: who is told of what was missed, until it is done."""
