"""Tests of admissions."""
