"""Tests of signing in to the worklist, and of its audit."""
