"""The rules of visits and identity, in milliseconds and without I/O."""
