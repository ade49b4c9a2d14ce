"""The coordinators' worklist: a read model of what is owed, the HTTP API and the pages on it."""
