"""HL7 v2 read and mapped; no other package knows it."""
