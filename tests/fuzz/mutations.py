"""Messages and actions to begin from, and the ways in which they go wrong."""

import json
import random
from collections.abc import Sequence
from pathlib import Path

from tests.admissions.hl7.builders import a_message, a_profile

SEEDS = [
    a_message("A03", "DG1|1||I50.9^x^I10C|||F", pv1={"f36": "01", "f45": "20260109150000-0500"}).encode(),
    a_message("A40", "MRG|70000^^^HOSPA^MR||A1||V1").encode(),
    a_message("A17", "PID|||2^^^H^MR", "PV1||I|A^B^C").encode(),
    a_message(
        "A08", 'NK1|1|""|SPO', "PD1||||8^A^B", "ROL|1|AD|PP|9^C", pid={"f13": "^PRN^PH^^1^555^5", "f30": "Y"}
    ).encode(),
    a_message("A31", msh={"f18": "8859/1"}, pid={"f5": "JOS\xc9^\\T\\"}).encode("latin-1"),
]
CHUNKS = [b"|", b"^", b"~", b"\\", b"&", b'""', b"\r", b"\n", b"\0", b"\x0b", b"\x1c\r", b"MSH|^~\\&|", b"PID|", b"\\X00\\", b"\\.sp9\\",
          b"\xff\xfe", b"20260230", b"99991231235959-1200", b"00010101000000+1400", b"9" * 300, b"\xc3\xa9", b"UNICODE UTF-16", b"A17"]  # fmt: skip
PROFILES = [
    a_profile(),
    a_profile(zone=None, mrn_types=[], mrn_in_pid2=True, strict_events=True, zero_time_means_date_only=True, trust_msh7_offset=False),
    a_profile(mrn_authorities=["HOSPA"], strip_leading_zeros=True, loa_as_a03=True, disposition_map={"x": "30"}, test_patient_patterns=["[", "A*"])
    # No file may say so; the reader survives it all the same.
    .model_copy(update={"charsets": {"X": "utf-16", "Y": "no-such-codec"}, "fallback_charset": "utf-16-le"}),
]  # fmt: skip
ACTIONS = [
    json.dumps(json.loads(path.read_text("utf-8"))).encode()
    for path in sorted((Path(__file__).parents[2] / "schemas/examples/action").glob("*.json"))
]
JSON_CHUNKS = [b"{", b"}", b"[", b"]", b'"', b":", b",", b"null", b"true", b"1e999", b"-0", b'"\\u0000"', b'"\\ud800"', b"9" * 400,
               b'"2026-02-30T25:00:00Z"', b'"0001-01-01T00:00:00+14:00"', b'"type"', b'"id"']  # fmt: skip


def mutated(
    data: bytes,
    rng: random.Random,
    *,
    seeds: Sequence[bytes] = SEEDS,
    chunks: Sequence[bytes] = CHUNKS,
    separator: bytes = b"|",
) -> bytes:
    """Bytes changed, lost, inserted and spliced, up to a dozen times."""
    for _ in range(rng.randrange(1, 12)):
        place = rng.randrange(len(data) + 1)
        match rng.randrange(5):
            case 0:
                data = data[:place] + rng.choice(chunks) + data[place:]
            case 1:
                data = data[:place] + data[place + rng.randrange(40) :]
            case 2:
                data = data[:place] + bytes([rng.randrange(256)]) + data[place + 1 :]
            case 3:
                fields = data.split(separator)
                fields[rng.randrange(len(fields))] = rng.choice(chunks)
                data = separator.join(fields)
            case _:
                other = rng.choice(seeds)
                data = data[:place] + other[rng.randrange(len(other)) :]
    return data
