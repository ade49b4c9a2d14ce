"""The auditor: every night it computes again what should have been alerted. Reads no topic, and writes nothing."""

from services.auditor.nights import Nights
from services.auditor.settings import Settings
from services.chassis.service import Service


def build(settings: Settings) -> Service:
    """Put the service together; it has no schema, and reads those of the others."""
    nights = Nights(settings.rules(), settings.audit_hour)
    return Service("auditor", settings, loops=[nights.run], schema="notifications")
