"""The auditor: computes a second time, slowly and in another way, what should have been alerted, and compares."""
