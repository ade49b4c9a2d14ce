"""What stands in deploy/ and compose.yaml: valid, current, and of one mind with the code."""
