"""The rules of transitions, in milliseconds and without I/O."""
