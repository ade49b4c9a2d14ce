"""The MLLP listener: takes HL7 v2 over TCP, writes adt.inbound. Reads no topic."""

from schemas.topics import ADT_INBOUND
from services.admissions.mllp.listener import Listener
from services.admissions.mllp.settings import Settings
from services.chassis.service import Service


def build(settings: Settings) -> Service:
    """Put the process together and take its port; it listens when Kafka is within reach."""
    listener = Listener(settings)
    return Service(
        "mllp", settings, loops=[listener.run], writes=[ADT_INBOUND], postgres=settings.mllp_needs_postgres
    )
