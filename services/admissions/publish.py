"""How visits and refused messages travel on `adt.encounters` and `adt.rejected`, and the mark behind them."""

from msgspec import Raw, json

from schemas import cloudevents, topics
from schemas.encounters import ENCOUNTER_TYPE, MARK_TYPE, AppliedMark
from services.admissions.store import SQL
from services.chassis import marks
from services.chassis.kafka import Outgoing
from services.chassis.outbox import Outlet
from services.chassis.postgres import Row
from services.chassis.service import Service

SOURCE = "baton/admissions"
PUBLISHED_WITHIN = 5.0
"""Seconds; where it takes longer, another replica is publishing, and tells its own mark."""


def encounter(row: Row) -> Outgoing:
    """A visit as it now stands, with its patient (`schemas.encounters.EncounterEvent`)."""
    value = json.encode(
        {
            "visit_id": row["visit_id"],
            "root_id": row["root_id"],
            "revision": row["revision"],
            "feed": row["feed"],
            "live": row["live"],
            "test": row["test"],
            "learned_at": row["learned_at"],
            "cause": row["cause"],
            "changed": row["changed"],
            "visit": Raw(row["document"].encode()),
            "patient": _patient(row),
        }
    )
    headers = cloudevents.headers(
        event_id=f"{row['visit_id']}:{row['revision']}",
        event_type=ENCOUNTER_TYPE,
        source=SOURCE,
        time=row["learned_at"],
    )
    return Outgoing(key=str(row["visit_id"]).encode(), value=value, headers=headers)


def _patient(row: Row) -> object:
    """The person; under the number of the record, where that is one of several linked."""
    if row["record"] is None:
        return Raw(row["person"].encode())
    number, authority = row["record"]
    return json.decode(row["person"]) | {"number": number, "authority": authority.removeprefix("test:")}


def rejection(row: Row) -> Outgoing:
    """A refused message: its bytes and key unchanged, why and whence in headers."""
    headers = {
        "code": row["code"],
        "segment": row["segment"] or "",
        "field": "" if row["field"] is None else str(row["field"]),
        "feed": row["feed"],
        "source_topic": row["topic"],
        "source_partition": str(row["partition"]),
        "source_offset": str(row["record_offset"]),
    }
    return Outgoing(
        key=row["raw_key"],
        value=row["raw"],
        headers=[(name, text.encode()) for name, text in headers.items()],
    )


def outlets() -> list[Outlet]:
    """The state tables of admissions, each its own outbox."""
    return [
        Outlet(
            name=name,
            select_sql=SQL[f"unpublished_{name}"],
            mark_sql=SQL[f"{name}_published"],
            reset_sql=SQL[f"republish_{name}"],
            topic=topic,
            compose=compose,
        )
        for name, topic, compose in (
            ("visits", topics.ADT_ENCOUNTERS, encounter),
            ("rejections", topics.ADT_REJECTED, rejection),
        )
    ]


async def tell_mark(service: Service) -> None:
    """Tell everyone how far `adt.inbound` is applied, behind the visits that stand for it.

    The mark is read first: what it covers was committed before, so once all that is published, the mark
    goes to every partition behind it.
    """
    async with service.pool.acquire() as db:
        mark = await marks.lowest(db, service.name, [topics.ADT_INBOUND])
    if mark is None or not await service.relay.caught_up(PUBLISHED_WITHIN):
        return
    partitions = (await service.admin.partitions([topics.ADT_ENCOUNTERS]))[topics.ADT_ENCOUNTERS]
    value = AppliedMark(mark=mark, partitions=len(partitions)).model_dump_json().encode()
    headers = cloudevents.headers(
        event_id=f"mark:{mark.timestamp()}", event_type=MARK_TYPE, source=SOURCE, time=mark
    )
    await service.producer.send_many(
        topics.ADT_ENCOUNTERS,
        [Outgoing(key=b"mark", value=value, headers=headers, partition=number) for number in partitions],
    )
