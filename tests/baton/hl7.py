"""ADT messages of invented people, as one hospital's engine writes them: builders with defaults."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("America/New_York")
_FAMILIES = ("Ashgrove", "Brindle", "Calloway", "Dunmore", "Eastlake", "Farrow", "Greenhalgh", "Holloway")
_GIVEN = ("Ada", "Basil", "Cora", "Dorian", "Edith", "Felix", "Greta", "Hugh", "Iris")


def local(text: str) -> datetime:
    """`2026-01-09 15:00` on the hospital's wall clock."""
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


def adt(
    trigger: str,
    control_id: str,
    recorded: datetime,
    patient: str,
    visit: str = "",
    *,
    occurred: datetime | None = None,
    admitted: datetime | None = None,
    discharged: datetime | None = None,
    disposition: str = "",
    died: datetime | None = None,
    merged: str = "",
    unit: str = "4W",
    before: str = "",
    facility: str = "HOSPA",
    patient_class: str = "I",
    patient_type: str = "",
    admission_type: str = "E",
    service: str = "MED",
    diagnosis: str = "",
    authority: str = "HOSPA",
    processing: str = "P",
) -> str:
    """One message. `recorded` is EVN-2 and MSH-7, `occurred` EVN-6; MRG-1 is `merged`, PV1-6 the unit `before`."""
    family = _FAMILIES[sum(patient.encode()) % len(_FAMILIES)]
    given = _GIVEN[sum(patient.encode()) % len(_GIVEN)]
    segments = [
        f"MSH|^~\\&|ADT1|{facility}|BATON|HUB|{stamp(recorded)}||ADT^{trigger}|{control_id}|{processing}|2.5.1",
        f"EVN|{trigger}|{stamp(recorded)}||||{stamp(occurred)}",
        _fields("PID", {1: 1, 3: f"{patient}^^^{authority}^MR", 5: f"{family}^{given}^^^^^L", 7: "19480302", 8: "F"}
                | ({29: stamp(died), 30: "Y"} if died else {})),
    ]  # fmt: skip
    if merged:
        segments.append(_fields("MRG", {1: f"{merged}^^^{authority}^MR"}))
    if visit:
        values = {
            1: 1, 2: patient_class, 3: f"{unit}^401^A^{facility}", 4: admission_type, 10: service, 18: patient_type,
            19: f"{visit}^^^{facility}^VN", 36: disposition, 44: stamp(admitted), 45: stamp(discharged),
        }  # fmt: skip
        if before:
            values[6] = f"{before}^402^A^{facility}"
        segments.append(_fields("PV1", values))
    if diagnosis:
        segments.append(f"DG1|1||{diagnosis}^^I10C|||F")
    return "\r".join([*segments, ""])


def stamp(instant: datetime | None) -> str:
    """A time of HL7 v2 with its offset."""
    return f"{instant.astimezone(ZONE):%Y%m%d%H%M%S%z}" if instant else ""


def _fields(name: str, values: dict[int, Any]) -> str:
    return "|".join([name, *(str(values.get(n, "")) for n in range(1, max(values) + 1))]).rstrip("|")
