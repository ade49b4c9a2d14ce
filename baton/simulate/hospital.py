"""The hospital to simulate: its size, its place, and what goes wrong in it and on the way of its messages."""

import re
from dataclasses import dataclass
from zoneinfo import ZoneInfo

SMALLEST, LARGEST = 10, 5000
RATES = ("readmissions", "cancels", "merges", "late_entries", "duplicates", "disorder", "lateness")
"""The options that are shares of 1."""

_NAME = re.compile(r"[A-Za-z0-9_-]{1,20}")


class HospitalError(ValueError):
    """The hospital cannot be; the sentence says which option is wrong and what it may be."""


@dataclass(frozen=True, slots=True)
class Hospital:
    """A hospital, invented from its seed. With all rates of faults at 0 its feed is clean.

    Shares of 1: `readmissions` of those who leave for home or nursing and are back within 30 days; `cancels` of
    the visits with something entered by mistake and taken back (A11, A12, A13, A38); `merges` of the visits
    registered under a second patient number, merged later (A40); `late_entries` of the transfers and conversions
    (A02, A06), entered up to hours after they happened; of the messages `duplicates` arrive twice, `disorder` arrive after a later one of their visit, `lateness` arrive minutes to days after they were
    written. `updates` is the mean number of A08 without news for each event. Times are written in `zone`.
    """

    seed: int = 1
    beds: int = 200
    facility: str = "GENHOSP"
    zone: str = "America/New_York"
    readmissions: float = 0.15
    updates: float = 0.7
    cancels: float = 0.0
    merges: float = 0.0
    late_entries: float = 0.0
    duplicates: float = 0.0
    disorder: float = 0.0
    lateness: float = 0.0

    def __post_init__(self) -> None:
        if not SMALLEST <= self.beds <= LARGEST:
            raise HospitalError(f"beds is {self.beds}; it may be {SMALLEST} to {LARGEST}.")
        if not _NAME.fullmatch(self.facility):
            raise HospitalError("facility is no name of 1 to 20 letters, digits, - and _, such as GENHOSP.")
        try:
            ZoneInfo(self.zone)
        except (KeyError, ValueError, OSError):
            raise HospitalError("zone is no time zone of the IANA list, such as America/Chicago.") from None
        if not 0 <= self.updates <= 50:
            raise HospitalError(f"updates is {self.updates:g}; it may be 0 to 50.")
        for name in RATES:
            if not 0 <= getattr(self, name) <= 1:
                raise HospitalError(
                    f"{name.replace('_', '-')} is {getattr(self, name):g}; it is a share from 0 to 1."
                )
