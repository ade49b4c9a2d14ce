"""The shipped protocols of care, as data, and the shape of such a file."""
