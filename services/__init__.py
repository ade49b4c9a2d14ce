"""The services, each owning one question, on one chassis."""
