"""The rules of visits and identity, without I/O."""
