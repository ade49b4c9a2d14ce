"""The rules of routing and escalation, without I/O."""
