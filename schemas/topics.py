"""The topics of Baton: what each carries, how it is keyed, who writes and who reads."""

from dataclasses import dataclass

ADT_INBOUND = "adt.inbound"
ADT_ENCOUNTERS = "adt.encounters"
ADT_REJECTED = "adt.rejected"
CARE_ACTIONS = "care.actions"
CARE_REJECTED = "care.rejected"
CARE_TRANSITIONS = "care.transitions"
CARE_ALERTS = "care.alerts"

SERVICES = ("admissions", "transitions", "notifications", "worklist")

_WEEK_MS = 7 * 24 * 3600 * 1000
_MONTH_MS = 30 * 24 * 3600 * 1000
_WITH_HEADERS = 2 * 1024 * 1024
"""A refused message of the largest size has our headers on top."""
_COMPACTED: dict[str, str | int | float] = {
    "cleanup.policy": "compact",
    # Applied marks come four times a second to every partition of adt.encounters: 0.7 GB a day until they are
    # compacted, and only a closed segment is. Kafka closes one after a week, or at 1 GiB.
    "segment.ms": 3600 * 1000,
    # By default Kafka waits until what is new is as large as all that is old, and with it the disk that is needed.
    "min.cleanable.dirty.ratio": 0.1,
    # Where the visits are so many that a day of marks is less than that: once a day all the same.
    "max.compaction.lag.ms": 24 * 3600 * 1000,
}


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic: its name, its partitions, how long it keeps what, its owner and its readers."""

    name: str
    partitions: int
    key: str
    compacted: bool
    retention_ms: int
    written_by: str
    read_by: tuple[str, ...]
    carries: str
    max_bytes: int | None = None
    """The largest record; None: the broker's own limit."""

    @property
    def config(self) -> dict[str, str | int | float]:
        """What Kafka is to be told of it, by Kafka's own names."""
        return config(compacted=self.compacted, retention_ms=self.retention_ms, max_bytes=self.max_bytes)

    @property
    def ours(self) -> bool:
        """Whether only a service of Baton's writes it."""
        return self.written_by in SERVICES


def config(
    *, compacted: bool, retention_ms: int, max_bytes: int | None = None
) -> dict[str, str | int | float]:
    """Give the settings of a topic; of a compacted one the last record of each key stays for as long as it is asked for."""
    kept: dict[str, str | int | float] = (
        _COMPACTED if compacted else {"cleanup.policy": "delete", "retention.ms": retention_ms}
    )
    return kept if max_bytes is None else kept | {"max.message.bytes": max_bytes}


TOPICS = (
    Topic(
        ADT_INBOUND, 6, "any, best none", False, _WEEK_MS,
        "interface engines, baton send", ("admissions",),
        "one HL7 v2 message as the hospital sent it (bytes, ER7)",
    ),
    Topic(
        ADT_ENCOUNTERS, 6, "visit", True, _WEEK_MS, "admissions", ("transitions", "worklist"),
        "a visit as it now stands, and the applied mark of admissions",
    ),
    Topic(
        ADT_REJECTED, 1, "as received", False, _MONTH_MS, "admissions", ("worklist",),
        "the original bytes of a refused message; code and position in headers", _WITH_HEADERS,
    ),
    Topic(
        CARE_ACTIONS, 6, "any, best none", False, _WEEK_MS,
        "worklist, baton act, other systems", ("transitions", "worklist"),
        "what people did: calls, acknowledgements, visits",
    ),
    Topic(
        CARE_REJECTED, 1, "as received", False, _MONTH_MS, "transitions", ("worklist",),
        "the original bytes of a refused action; code in headers", _WITH_HEADERS,
    ),
    Topic(
        CARE_TRANSITIONS, 6, "patient", False, _MONTH_MS, "transitions", ("notifications", "worklist"),
        "episodes, deadlines and what became of each action, as they now stand",
    ),
    Topic(
        CARE_ALERTS, 6, "patient", False, _MONTH_MS, "notifications", ("worklist",),
        "alerts as they now stand",
    ),
)  # fmt: skip
