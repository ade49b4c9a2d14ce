"""`parse`: ADT messages of 1.2 kB and 13 segments read to canonical events on one core, beside python-hl7."""

import json
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import hl7

from services.admissions.domain.feed import FeedProfile
from services.admissions.domain.model import AdtEvent
from services.admissions.hl7 import times
from services.admissions.hl7.adt import normalize

MESSAGES = 2_000
SEED = 20260109
_ZONE = ZoneInfo("America/New_York")
_PROFILE = FeedProfile(feed="bench", zone="America/New_York")
_UNITS = ("4W", "5E", "ICU", "MED2", "SURG", "TELE", "ED")
_FAMILIES = ("BARTON", "HOLLIS", "MERCADO", "NAKAMURA", "OKAFOR", "PELLETIER", "QUINTERO", "RASMUSSEN")
_GIVEN = ("ADA", "BRUNO", "CELIA", "DMITRI", "ELENA", "FARID", "GRETA", "HUGO")
_CODES = ("I50.9", "E11.22", "J44.1", "N18.4", "I10", "I48.91", "F32.9", "K57.30")
_CLINICIANS = [
    f"{1_700_000_000 + number * 7919}^{name}^MIRA^^^DR" for number in range(75) for name in _FAMILIES
]
_EVENTS = ("A01", "A02", "A03", "A04", "A06", "A08", "A08", "A08", "A13", "A31")


def a_message(number: int, rng: random.Random) -> str:
    """One message as a hospital's engine sends it: 13 segments, about 1.2 kB, every value drawn anew."""
    event = rng.choice(_EVENTS)
    admitted = datetime(2026, 1, 1) + timedelta(minutes=rng.randrange(500_000))
    left = admitted + timedelta(minutes=rng.randrange(600, 15_000))
    now = left + timedelta(seconds=rng.randrange(30, 4_000))
    family, given, mrn = rng.choice(_FAMILIES), rng.choice(_GIVEN), _number(rng, 7)
    escaped = rng.choice(("", "", "", "\\T\\SON"))
    born = datetime(1930, 1, 1) + timedelta(days=rng.randrange(27_000))
    offset = rng.choice(("-0500", "-0500", ""))
    place = f"{rng.choice(_UNITS)}^{rng.randrange(400, 480)}^{rng.choice('AB')}^GENHOSP"
    visit = f"V{_number(rng, 9)}"
    discharged = f"{left:%Y%m%d%H%M%S}{offset}" if event in {"A03", "A08", "A13"} else ""
    status = rng.choice(("01", "06", "03", "62")) if event == "A03" else ""
    mrn_of_payer, stamp = f"{mrn}A", "%Y%m%d%H%M%S"
    home = f"{rng.randrange(9999)} ORCHARD STREET^^ALBANY^NY^12203^USA^H"
    pid = (
        f"PID|1||{mrn}^^^GENHOSP^MR~{_number(rng, 9)}^^^STATE^EI||{family}{escaped}^{given}^Q^^^^L||{born:%Y%m%d}"
        f"|{rng.choice('FM')}||2106-3|{home}||^PRN^PH^^1^518^{_number(rng, 7)}|^WPN^PH^^1^518^{_number(rng, 7)}"
        f"|en^English^ISO639|M|CHR|A{mrn}^^^GENHOSP^AN"
    )
    pv1 = (
        f"PV1|1|{rng.choice('IIIEO')}|{place}|{rng.choice('EUR')}||{place}|{rng.choice(_CLINICIANS)}"
        f"|||{rng.choice(('MED', 'SUR'))}||||7|||{rng.choice(_CLINICIANS)}|IP|{visit}^^^GENHOSP^VN|MCR"
        f"||||||||||||||||{status}||||||||{admitted:{stamp}}{offset}|{discharged}"
    )
    segments = (
        f"MSH|^~\\&|ADTREG|GENHOSP|HUB|BATON|{now:{stamp}}{offset}||ADT^{event}^ADT_A01|M{number:08d}|P|2.5.1",
        f"EVN|{event}|{now:{stamp}}{offset}||02|REG{rng.randrange(99)}|{left:{stamp}}{offset}|GENHOSP",
        pid,
        f"PD1|||GENHOSP FAMILY CARE^^8812|{rng.choice(_CLINICIANS)}",
        f"NK1|1|{family}^{rng.choice(_GIVEN)}|SPO^Spouse|{home}|^PRN^CP^^1^518^{_number(rng, 7)}||C^Emergency Contact",
        pv1,
        f"PV2|||^Chest pain and shortness of breath|||||{left:%Y%m%d}|{rng.randrange(1, 9)}",
        f"DG1|1||{rng.choice(_CODES)}^Principal diagnosis^I10C|||A|||||||||1",
        f"DG1|2||{rng.choice(_CODES)}^Secondary diagnosis^I10C|||W|||||||||2",
        "AL1|1|DA|70618^Penicillin^RXN|SV|Hives",
        f"GT1|1||{family}^{given}||{home}|^PRN^PH^^1^518^5550199",
        f"IN1|1|MCRA^Medicare Part A|CMS001|CENTERS FOR MEDICARE|PO BOX 100^^BALTIMORE^MD^21244|||{mrn_of_payer}",
        "ZPI|1|LOCAL|VALUES^OF^THE^SENDER|N|||20260101",
    )
    return "\r".join(segments)


def _number(rng: random.Random, digits: int) -> int:
    return rng.randrange(10 ** (digits - 1), 10**digits)


def read_with_python_hl7(data: bytes) -> dict[str, Any]:
    """The same fields by python-hl7: parsed, picked out, unescaped, times read; nothing chosen or normalised."""
    message = hl7.parse(data.decode("utf-8"))
    extract = message.extract_field
    said: dict[str, Any] = {
        "trigger": extract("MSH", 1, 9, 1, 2),
        "control_id": extract("MSH", 1, 10),
        "sending": (extract("MSH", 1, 3), extract("MSH", 1, 4), extract("MSH", 1, 11), extract("MSH", 1, 12)),
        "created": hl7.parse_datetime(extract("MSH", 1, 7)),
        "recorded": hl7.parse_datetime(extract("EVN", 1, 2)),
        "stated": hl7.parse_datetime(extract("EVN", 1, 6)),
        "facility": extract("EVN", 1, 7),
    }
    pid, pv1, nk1 = message.segment("PID"), message.segment("PV1"), message.segments("NK1")
    said["identifiers"] = [tuple(str(cx(part)) for part in (1, 4, 5)) for cx in pid(3)]
    said["name"] = [message.unescape(str(pid(5)(0)(part))) for part in (1, 2)]
    said["person"] = [str(pid(number)) for number in (7, 8, 18)] + [extract("PID", 1, 15, 1, 1)]
    said["telecom"] = [
        [str(xtn(part)) for part in (2, 3, 5, 6, 7)] for number in (13, 14) for xtn in pid(number)
    ]
    said["care"] = [extract("PD1", 1, 4, 1, part) for part in (1, 2, 3)]
    said["kin"] = [(str(line(2)), str(line(3)), str(line(5))) for line in nk1]
    said["place"] = [[extract("PV1", 1, number, 1, part) for part in (1, 2, 3, 4)] for number in (3, 6)]
    said["attending"] = [extract("PV1", 1, 7, 1, part) for part in (1, 2, 3)]
    said["visit"] = [extract("PV1", 1, 19, 1, part) for part in (1, 4)]
    said["coded"] = [str(pv1(number)) for number in (2, 4, 10, 14, 18, 36)]
    said["admitted"] = hl7.parse_datetime(str(pv1(44)))
    said["discharged"] = hl7.parse_datetime(str(pv1(45)))
    said["diagnoses"] = [
        (str(line(3)(0)(1)), str(line(3)(0)(3)), str(line(6)), str(line(15)))
        for line in message.segments("DG1")
    ]
    return said


def _ours(data: bytes) -> None:
    event = normalize(data, _PROFILE, zone_of=lambda _: _ZONE, received_at=_ARRIVAL)
    assert isinstance(event, AdtEvent)


_ARRIVAL = datetime(2026, 12, 31, tzinfo=UTC)


def _rate(read: Callable[[bytes], object], messages: list[bytes]) -> float:
    """Messages a second of processor time, so that what else the machine does counts for neither side."""
    times.parse.cache_clear()
    start = time.process_time()
    for data in messages:
        read(data)
    return len(messages) / (time.process_time() - start)


def run() -> dict[str, Any]:
    """Both readers take turns; the best round of each counts. Clinicians and beds recur, patients do not.

    Each round reads new messages: what was read of a segment is kept, and would be found again.
    """
    rng = random.Random(SEED)
    warm, *rounds = [[a_message(number, rng).encode() for number in range(MESSAGES)] for _ in range(6)]
    size = sum(map(len, warm)) / len(warm)
    _rate(_ours, warm)
    rates = [(_rate(_ours, messages), _rate(read_with_python_hl7, messages[:400])) for messages in rounds]
    ours, theirs = max(ours for ours, _ in rates), max(theirs for _, theirs in rates)
    return {
        "bench": "parse",
        "value": round(ours),
        "unit": "events/s",
        "baseline": {"name": "python-hl7", "value": round(theirs)},
        "ratio": round(ours / theirs, 1),
        "messages": f"{MESSAGES} of {size:.0f} bytes and 13 segments, seed {SEED}",
    }


if __name__ == "__main__":
    print(json.dumps(run()))
