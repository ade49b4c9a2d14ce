"""Grafana: what it is provisioned with, and the dashboard, which generate.py writes from the metric catalogue."""
