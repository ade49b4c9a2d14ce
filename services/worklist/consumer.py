"""From events to the read model: newer states in; each batch is one transaction."""

from services.chassis.kafka import Record
from services.chassis.service import Service


class Door:
    """The handler of the worklist."""

    async def on_records(self, service: Service, records: list[Record]) -> None:
        """Follow the newest state of every subject among the records."""

    async def refuse(self, service: Service, record: Record, why: str) -> None:
        """Pass by what cannot be kept: its owner holds it, and publishes it again when asked."""
