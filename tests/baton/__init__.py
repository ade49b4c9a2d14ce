"""Tests of baton."""
