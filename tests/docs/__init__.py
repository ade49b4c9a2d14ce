"""What stands in docs/ and the README: true, reachable, and tried."""
