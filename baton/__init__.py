"""Baton's command: runs the services and talks to them."""
