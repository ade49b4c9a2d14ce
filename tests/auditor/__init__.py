"""The auditor beside the system it audits."""
