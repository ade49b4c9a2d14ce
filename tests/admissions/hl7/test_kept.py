"""What is kept of messages read before: none of it may show in what a later message says."""

import importlib
import pkgutil
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from services.admissions import hl7
from services.admissions.domain.model import AdtEvent, Rejection
from services.admissions.hl7.adt import normalize
from services.admissions.hl7.triggers import TYPES
from tests.admissions.hl7.builders import ARRIVAL, a_message, a_profile, at

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
        "event": st.sampled_from(["A01", "A03", "A08", "A45", *sorted(TYPES), "Z01"]),
        "msh": _fields(f4=["HOSPB", "WEST"], f7=[*_TIMES, "20260109150500+0545"], f10=["C0002", ""], f11=["T", ""], f18=["8859/1"]),
        "event_type": _fields(f2=_TIMES, f6=_TIMES, f7=["", "WEST", "KATHMANDU^x"]),
    }
)  # fmt: skip
_PID = _fields(f2=["5^^^HOSPA^MR"], f3=["", "70001", "70002^^^HOSPA^MR"], f5=["ZZTOP^A", '""'], f7=["19000101", "x"], f18=["A9"],
               f29=_TIMES, f30=["Y", '""', "x"])  # fmt: skip
_PV1 = _fields(f2=['""', "O", "E"], f3=["", '""', "DETOX^1^A", "4W^1^A^KATHMANDU"], f19=["", "V200"], f36=["01", "30", '""', "zz"],
               f44=_TIMES, f45=_TIMES)  # fmt: skip
_MORE = ["DG1|1||I50.9^Heart failure^I10C|||A", "PV2|" + "|" * 46 + "20260109", "MRG|70000^^^HOSPA^MR||A1||V1|V2",
         "PID|||2^^^HOSPA^MR", "NK1|1|AALTO^MIRJA|SPO", "PV1||E", "IN1|1|MCRA", "ROL|1|AD|PP|9^C"]  # fmt: skip


@st.composite
def _alike(draw: st.DrawFn) -> list[tuple[str, int]]:
    """Messages of one or two bodies under several headers and profiles."""
    bodies = draw(
        st.lists(st.tuples(_PID, _PV1, st.lists(st.sampled_from(_MORE), max_size=3)), min_size=1, max_size=2)
    )
    messages = []
    for number, header in draw(
        st.lists(st.tuples(st.integers(0, len(_PROFILES) - 1), _HEADERS), min_size=2, max_size=5)
    ):
        pid, pv1, more = draw(st.sampled_from(bodies))
        messages.append(
            (
                a_message(
                    header["event"],
                    *more,
                    msh=header["msh"],
                    event_type=header["event_type"],
                    pid=pid,
                    pv1=pv1,
                ),
                number,
            )
        )
    return messages


def _read(message: str, number: int) -> AdtEvent | tuple[AdtEvent, ...] | Rejection:
    arrival = at(2027, 1, 1) if number % 2 else ARRIVAL
    return normalize(message.encode(), _PROFILES[number], zone_of=_zone_of, received_at=arrival)


def _zone_of(facility: str) -> ZoneInfo:
    return _ZONES.get(facility, ZoneInfo("America/New_York"))


def _forget() -> None:
    for module in pkgutil.iter_modules(hl7.__path__, f"{hl7.__name__}."):
        for value in vars(importlib.import_module(module.name)).values():
            if hasattr(value, "cache_clear"):
                value.cache_clear()


@settings(deadline=None, max_examples=200)
@given(_alike())
def test_a_message_says_the_same_whatever_was_read_before(messages: list[tuple[str, int]]):
    """Given messages alike in what follows MSH and EVN, when they are read one after another, then each says what it says alone."""
    alone = []
    for message in messages:
        _forget()
        alone.append(_read(*message))

    assert [_read(*message) for message in messages * 2] == alone * 2
