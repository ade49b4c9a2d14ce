"""Reference data that more than one service reads: code lists with their sources, and facilities."""
