"""The chassis on real brokers and databases, and its pure parts without."""
