"""LACE and programme, row by row."""
