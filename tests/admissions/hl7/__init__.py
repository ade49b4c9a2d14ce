"""The reader: what HL7 v2 says, against the tables of the standard and messages of our own."""
