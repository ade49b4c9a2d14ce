"""The rules of planning what is owed, without I/O."""
