"""Transitions: what is owed to a patient, and by when."""
