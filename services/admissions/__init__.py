"""Admissions: where patients are, read from the hospital's ADT feed."""
