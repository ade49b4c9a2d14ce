"""Messages that hold an unmistakable value in every field that speaks of a patient, to see where such values turn up."""

import re
from collections.abc import Iterable

MARK = "ZQXJ"
BORN, PHONE, MOBILE = "19310723", "5550173391", "5550173392"
FACILITY = "HOSPA"

_GIVEN_AWAY = re.compile(
    rb"zqxj|1931-?07-?23|0?7/23/1931|23 Jul 1931|July 23, 1931|555.?0173391|555.?0173392", re.IGNORECASE
)


def found_in(said: bytes) -> list[bytes]:
    """What a text or some bytes give away of a patient, with a little of what stands around it."""
    return [said[max(0, hit.start() - 60) : hit.end() + 60] for hit in list(_GIVEN_AWAY.finditer(said))[:3]]


def message(
    trigger: str,
    number: str,
    at: str,
    *,
    mrn: str = "1",
    visit: str = "1",
    care_class: str = "I",
    unit: str = "4W",
    prior_unit: str = "",
    admitted: str = "202601050830",
    discharged: str = "",
    disposition: str = "",
    died: str = "",
    diagnoses: Iterable[str] = ("A",),
) -> bytes:
    """One message; instants are YYYYMMDDHHMM in Eastern standard time."""
    pid = {
        1: "1",
        3: f"{MARK}MRN{mrn}^^^{FACILITY}^MR~{MARK}SSN{mrn}^^^SSA^SS",
        5: f"{MARK}FAMILY^{MARK}GIVEN^{MARK}MIDDLE^^^^L",
        7: BORN,
        8: "F",
        11: f"{MARK}STREET^{MARK}FLAT^{MARK}CITY^NY^{MARK}ZIP",
        13: f"^PRN^PH^^1^555^{PHONE}~^NET^Internet^{MARK}@example.org",
        18: f"{MARK}ACCOUNT^^^{FACILITY}^AN",
        29: _ts(died),
        30: "Y" if died else "N",
        40: f"^PRN^CP^^1^555^{MOBILE}",
    }
    pv1 = {
        1: "1",
        2: care_class,
        3: f"{unit}^01^A^{FACILITY}",
        4: "E",
        6: f"{prior_unit}^01^A^{FACILITY}" if prior_unit else "",
        19: f"{MARK}VISIT{visit}^^^{FACILITY}^VN",
        36: disposition,
        44: _ts(admitted),
        45: _ts(discharged),
    }
    segments = [
        f"MSH|^~\\&|ADT1|{FACILITY}|BATON|HUB|{_ts(at)}||ADT^{trigger}|{number}|P|2.5.1",
        f"EVN|{trigger}|{_ts(at)}||||{_ts(at)}",
        _filled("PID", 40, pid),
        _filled("NK1", 39, {1: "1", 5: f"^PRN^PH^^1^555^{PHONE}"}),
        _filled("PV1", 53, pv1),
        f"PV2|||{MARK}REASON^{MARK}COMPLAINT",
        *(
            _filled("DG1", 21, {1: str(n), 3: f"{MARK}CODE{n}^{MARK}TEXT{n}^I10C", 5: "", 6: kind})
            for n, kind in enumerate(diagnoses, 1)
        ),
        _filled("GT1", 12, {}),
        _filled("IN1", 20, {}),
        f"OBX|1|TX|{MARK}^{MARK}OBSERVATION||{MARK}VALUE",
        f"ZPI|{MARK}LOCAL",
    ]
    return _joined(segments)


def merge(number: str, at: str, *, retired: str, surviving: str) -> bytes:
    """Two identifiers turn out to be one person."""
    pid = {3: f"{MARK}MRN{surviving}^^^{FACILITY}^MR", 7: BORN, 29: "", 30: ""}
    return _joined(
        [
            f"MSH|^~\\&|ADT1|{FACILITY}|BATON|HUB|{_ts(at)}||ADT^A40^ADT_A39|{number}|P|2.5.1",
            f"EVN|A40|{_ts(at)}||||{_ts(at)}",
            _filled("PID", 40, pid),
            f"MRG|{MARK}MRN{retired}^^^{FACILITY}^MR||{MARK}ACCOUNT^^^{FACILITY}^AN||||{MARK}OLDNAME^{MARK}",
        ]
    )


def unreadable() -> dict[str, bytes]:
    """Messages that must be refused, by the code they are refused with; each full of patient values."""
    good = message("A01", "B1", "202601120900", visit="bad")
    return {
        "not_hl7": f"{MARK} is no HL7, and {MARK} neither".encode(),
        "not_adt": good.replace(b"ADT^A01", b"ORU^R01"),
        "no_control_id": good.replace(b"|B1|P", b"||P"),
        "no_patient_identifier": re.sub(rb"ZQXJMRN1[^|]*", b"", good),
        "no_event": good.replace(b"ADT^A01", b"ADT").replace(b"EVN|A01", b"EVN|"),
    }


def _filled(segment: str, last: int, given: dict[int, str]) -> str:
    fields = [given.get(n, f"{MARK}{segment}{n}") for n in range(1, last + 1)]
    return "|".join([segment, *fields])


def _joined(segments: Iterable[str]) -> bytes:
    return ("\r".join(segments) + "\r").encode()


def _ts(text: str) -> str:
    return f"{text}00-0500" if text else ""
