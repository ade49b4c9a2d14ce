"""ADT messages written as stories: one function, readable arguments, invented people."""

from datetime import UTC, datetime

from services.chassis.kafka import Record


def adt(
    trigger: str,
    *,
    control: str,
    at: str,
    recorded: str | None = None,
    mrn: str = "70001",
    visit: str | None = "V1",
    unit: str = "4W",
    prior_unit: str = "",
    patient_class: str = "I",
    admitted: str = "",
    discharged: str = "",
    disposition: str = "",
    merged: str = "",
    name: str = "TESTCASE^ALPHA",
    dead: str = "",
    processing: str = "P",
    facility: str = "HOSPA",
) -> bytes:
    """One message; instants are YYYYMMDDHHMM in Eastern standard time. `at` goes to EVN-6."""
    pid = [""] * 31
    pid[1], pid[3], pid[5], pid[7], pid[8], pid[30] = (
        "1",
        f"{mrn}^^^{facility}^MR",
        name,
        "19500102",
        "F",
        dead,
    )
    pv1 = [""] * 53
    pv1[1], pv1[2], pv1[3], pv1[4], pv1[10] = "1", patient_class, f"{unit}^01^A^{facility}", "E", "MED"
    pv1[6] = f"{prior_unit}^01^A^{facility}" if prior_unit else ""
    pv1[19] = f"{visit}^^^{facility}^VN" if visit else ""
    pv1[36], pv1[44], pv1[45] = disposition, _ts(admitted), _ts(discharged)
    segments = [
        f"MSH|^~\\&|ADT1|{facility}|BATON|HUB|{_ts(recorded or at)}||ADT^{trigger}|{control}|{processing}|2.5.1",
        f"EVN|{trigger}|{_ts(recorded or at)}||||{_ts(at)}",
        "|".join(["PID", *pid[1:]]).rstrip("|"),
    ]
    if merged:
        segments.append(f"MRG|{merged}^^^{facility}^MR")
    else:
        segments.append("|".join(["PV1", *pv1[1:]]).rstrip("|"))
    return ("\r".join(segments) + "\r").encode()


def _ts(text: str) -> str:
    return f"{text}00-0500" if text else ""


def record(
    value: bytes | None,
    *,
    offset: int = 0,
    at: datetime | None = None,
    topic: str = "adt.inbound",
    partition: int = 0,
    key: bytes | None = None,
    headers: tuple[tuple[str, bytes], ...] = (),
) -> Record:
    """A record as it comes from Kafka."""
    arrived = at or datetime(2026, 1, 9, 20, 5, tzinfo=UTC)
    return Record(topic, partition, offset, key, value, headers, arrived, "create")
