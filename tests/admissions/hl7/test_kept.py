"""What is kept of messages read before: none of it may show in what a later message says."""

import importlib
import pkgutil
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from services.admissions import hl7
from services.admissions.domain.feed import FeedProfile
from services.admissions.domain.model import AdtEvent, Rejection
from services.admissions.hl7.adt import normalize
from services.admissions.hl7.triggers import TYPES
from tests.admissions.hl7.builders import ARRIVAL, a_message, a_profile

_ZONES = {"WEST": ZoneInfo("America/Los_Angeles"), "KATHMANDU": ZoneInfo("Asia/Kathmandu")}
_PROFILES = [
    a_profile(zone=None),
    a_profile(zone=None, part2_source=["DETOX"], loa_as_a03=True, test_patient_patterns=["ZZ*"]),
    a_profile(zero_time_means_date_only=True, trust_msh7_offset=False, mrn_in_pid2=True),
]
_TIMES = ["", '""', "20260109", "20260105083000", "20260105083000-0500", "20261101013000", "202601", "x",
          "20260109000000", "2026010924", "20260301^D"]  # fmt: skip


def _fields(**choices: list[str]) -> st.SearchStrategy[dict[str, str]]:
    return st.fixed_dictionaries({}, optional={key: st.sampled_from(said) for key, said in choices.items()})


_HEADERS = st.fixed_dictionaries(
    {
        "event": st.sampled_from(["A01", "A03", "A08", "A08"]) | st.sampled_from([*sorted(TYPES), "Z01"]),
        "msh": _fields(f4=["WEST"], f7=["20260109150500+0545", "20260109", "20260109000000", "x"], f11=["T", ""]),
        "event_type": _fields(f2=["20260109", "20260105083000", '""'], f6=["20260109", "20260105083000"], f7=["KATHMANDU^x"]),
    }
)  # fmt: skip
_PID = _fields(f2=["5^^^HOSPA^MR"], f3=["", "70001", "70002^^^HOSPA^MR"], f5=["ZZTOP^A", '""'], f7=["19000101", "x"], f18=["A9"],
               f29=_TIMES, f30=["Y", '""', "x"])  # fmt: skip
_PV1 = _fields(f2=['""', "O", "E"], f3=["", '""', "DETOX^1^A", "4W^1^A^KATHMANDU"], f19=["V200"], f36=["01", "30", '""', "zz"],
               f44=_TIMES, f45=_TIMES)  # fmt: skip
_MORE = ["DG1|1||I50.9^Heart failure^I10C|||A", "PV2|" + "|" * 46 + "20260109", "MRG|70000^^^HOSPA^MR||A1||V1|V2",
         "PID|||2^^^HOSPA^MR", "NK1|1|AALTO^MIRJA|SPO", "PV1||E", "IN1|1|MCRA", "ROL|1|AD|PP|9^C"]  # fmt: skip


@st.composite
def _alike(draw: st.DrawFn) -> list[str]:
    """Messages of one or two bodies under several headers."""
    more = st.lists(st.sampled_from(_MORE), max_size=3)
    bodies = draw(st.lists(st.tuples(_PID, _PV1, more), min_size=1, max_size=2))
    messages = []
    for header in draw(st.lists(_HEADERS, min_size=2, max_size=5)):
        pid, pv1, others = draw(st.sampled_from(bodies))
        event, msh, event_type = header["event"], header["msh"], header["event_type"]
        messages.append(a_message(event, *others, msh=msh, event_type=event_type, pid=pid, pv1=pv1))
    return messages


def _read(message: str, profile: FeedProfile) -> AdtEvent | tuple[AdtEvent, ...] | Rejection:
    return normalize(message.encode(), profile, zone_of=_zone_of, received_at=ARRIVAL)


def _zone_of(facility: str) -> ZoneInfo:
    return _ZONES.get(facility, ZoneInfo("America/New_York"))


def _forget() -> None:
    for module in pkgutil.iter_modules(hl7.__path__, f"{hl7.__name__}."):
        for value in vars(importlib.import_module(module.name)).values():
            if hasattr(value, "cache_clear"):
                value.cache_clear()


@settings(deadline=None, max_examples=300)
@given(_alike(), st.sampled_from(_PROFILES))
def test_a_message_says_the_same_whatever_was_read_before(messages: list[str], profile: FeedProfile):
    """Given messages alike in what follows MSH and EVN, when they are read one after another, then each says what it says alone."""
    alone = []
    for message in messages:
        _forget()
        alone.append(_read(message, profile))

    assert [_read(message, profile) for message in messages * 2] == alone * 2
