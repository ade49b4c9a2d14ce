"""A hospital's ADT feed, invented and seeded: the same seed and the same last instant give the same bytes.

Patients come by the emergency department or are admitted directly, move between units, go home or elsewhere,
some come back within days; registration clerks and coders send an A08 again and again that says nothing new.
Everything a stay does is drawn first and written as messages in the order of time, across all patients.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from itertools import islice
from random import Random
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("America/New_York")
SPAN = timedelta(days=7)
"""Since when patients leave, before the feed's last instant; a 72-hour call of the earlier half is past."""
STILL_THERE = timedelta(days=1)
"""Who would leave within this time after the feed's last instant is still there at its end."""
UNCHANGED_UPDATES = 5.6
"""A08 that repeat what is known, on average for each visit."""

_SYLLABLES = (
    "Bar",
    "Cor",
    "Del",
    "Fen",
    "Gar",
    "Hol",
    "Jor",
    "Kel",
    "Lan",
    "Mal",
    "Nor",
    "Pel",
    "Quin",
    "Ros",
    "Tav",
)
_ENDINGS = (
    "ado",
    "burg",
    "dale",
    "ell",
    "field",
    "gren",
    "holm",
    "itz",
    "kins",
    "low",
    "mann",
    "ova",
    "quist",
    "son",
)
_GIVEN = (
    "Ada",
    "Bruno",
    "Celia",
    "Dmitri",
    "Elena",
    "Farid",
    "Greta",
    "Hugo",
    "Inga",
    "Jonas",
    "Kaja",
    "Lionel",
)
_STREETS = ("Orchard Street", "Mill Lane", "Station Road", "Harbor View", "Chapel Hill Road", "Cedar Avenue")
_FACILITIES = ("NORTHGATE", "RIVERSIDE", "STMARGARET")
_UNITS = ("3N", "4W", "5E", "6S", "ICU", "CCU", "MED2", "ORTHO", "SURG1", "TELE")
_DIAGNOSES = (
    ("I50.23", "Acute on chronic systolic heart failure"),
    ("J44.1", "COPD with acute exacerbation"),
    ("E11.65", "Type 2 diabetes with hyperglycemia"),
    ("N17.9", "Acute kidney failure, unspecified"),
    ("J18.9", "Pneumonia, unspecified organism"),
    ("A41.9", "Sepsis, unspecified organism"),
    ("I48.91", "Unspecified atrial fibrillation"),
    ("S72.001A", "Fracture of neck of right femur"),
    ("K57.32", "Diverticulitis of large intestine"),
    ("I63.9", "Cerebral infarction, unspecified"),
)
_DISPOSITIONS = ("01", "06", "03", "62", "07", "20", "50", "64")
_WEIGHTS = (52, 22, 13, 4, 2, 2, 2, 3)
_HOME = frozenset({"01", "06"})


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the feed.

    `watched`: it says something about the visit or its patient that no earlier message of the feed said.
    `goes_home`: an inpatient's first discharge to a home-like place, which calls for a deadline.
    """

    data: bytes
    at: datetime
    trigger: str
    visit: str
    watched: bool
    goes_home: bool


@dataclass(frozen=True, slots=True)
class _Person:
    mrn: int
    family: str
    given: str
    born: date
    sex: str
    house: int
    street: str
    phone: int
    provider: int
    kin: tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Visit:
    """What PV1 and DG1 say at one moment of a visit."""

    number: str
    mrn: int
    patient_class: str
    facility: str
    unit: str
    room: int
    admission_type: str
    source: str
    attending: int
    service: str
    admitted: datetime
    discharged: datetime | None = None
    disposition: str = ""
    diagnoses: tuple[tuple[str, int], ...] = (("A", 0), ("W", 1))


@dataclass(frozen=True, slots=True)
class _Event:
    at: datetime
    trigger: str
    person: _Person
    visit: _Visit
    watched: bool = True
    goes_home: bool = False
    before: _Visit | None = None
    retired: int | None = None


@dataclass(slots=True)
class _Story:
    """A visit as it unfolds."""

    person: _Person
    visit: _Visit
    events: list[_Event] = field(default_factory=list)

    def tell(self, at: datetime, trigger: str, *, goes_home: bool = False, **said: object) -> None:
        before = self.visit
        self.visit = replace(self.visit, **said)  # type: ignore[arg-type]
        self.events.append(_Event(at, trigger, self.person, self.visit, goes_home=goes_home, before=before))


def messages(count: int, *, seed: int, until: datetime) -> list[Message]:
    """The first `count` messages of a feed in which everything happened by `until`, in the order of time."""
    rng = Random(seed)
    events: list[_Event] = []
    numbers = iter(range(10**9))
    while len(events) < count:
        events += (event for event in _patient(rng, next(numbers), until) if event.at <= until)
    events.sort(key=lambda event: event.at)
    return [_message(number, event, rng) for number, event in enumerate(islice(events, count), 1)]


def mix(feed: list[Message]) -> dict[str, int]:
    """How many messages there are of each trigger."""
    found: dict[str, int] = {}
    for message in feed:
        found[message.trigger] = found.get(message.trigger, 0) + 1
    return dict(sorted(found.items()))


# --- what happens -------------------------------------------------------------------------------------------


def _patient(rng: Random, number: int, until: datetime) -> list[_Event]:
    """Everything one patient does: a visit, and for some of them another one days later."""
    person = _person(number)
    leaves = until + timedelta(seconds=rng.uniform(-SPAN.total_seconds(), STILL_THERE.total_seconds()))
    end = max(until, leaves + timedelta(hours=6))
    events = _stay(rng, person, f"V{number:07d}1", leaves, end).events
    if leaves < until - timedelta(days=2) and rng.random() < 0.15:
        back = leaves + timedelta(hours=rng.uniform(20, 40))
        again = back + (until - back) * rng.uniform(0.3, 0.95)
        events += _stay(rng, person, f"V{number:07d}2", again, until, arrives=back).events
    return events


def _person(number: int) -> _Person:
    """Who is registered under a number: the same in every feed, so that whoever comes back is the same person."""
    rng = Random(number)
    return _Person(
        mrn=4_000_000 + number * 7,
        family=rng.choice(_SYLLABLES) + rng.choice(_ENDINGS),
        given=rng.choice(_GIVEN),
        born=date(1926, 1, 1) + timedelta(days=rng.randrange(29_000)),
        sex=rng.choice("FM"),
        house=rng.randrange(1, 2400),
        street=rng.choice(_STREETS),
        phone=rng.randrange(2_000_000, 10_000_000),
        provider=rng.randrange(1_000_000_000, 2_000_000_000),
        kin=(rng.choice(_GIVEN), rng.choice(_GIVEN)),
    )


def _stay(
    rng: Random,
    person: _Person,
    number: str,
    leaves: datetime,
    until: datetime,
    arrives: datetime | None = None,
) -> _Story:
    kind = rng.choices(("direct", "emergency", "visit"), (58, 27, 15))[0]
    length = timedelta(
        hours=rng.uniform(1.5, 7) if kind == "visit" else min(rng.lognormvariate(4.0, 0.6), 300)
    )
    arrives = max(arrives, leaves - length) if arrives else leaves - length
    story = _Story(
        person,
        _Visit(
            number=number,
            mrn=person.mrn,
            patient_class="I" if kind == "direct" else "E",
            facility=rng.choice(_FACILITIES),
            unit=rng.choice(_UNITS) if kind == "direct" else "ED",
            room=rng.randrange(100, 600),
            admission_type=rng.choice("EUR") if kind == "direct" else "E",
            source=rng.choice("1245"),
            attending=rng.randrange(1_000_000_000, 2_000_000_000),
            service=rng.choice(("MED", "SUR", "CAR", "PUL")),
            admitted=arrives,
            diagnoses=(("A", rng.randrange(10)), ("W", rng.randrange(10))),
        ),
    )
    unknown = kind == "emergency" and rng.random() < 0.02
    if unknown:
        story.visit = replace(story.visit, mrn=9_000_000 + person.mrn % 1_000_000)
    story.tell(arrives, "A01" if kind == "direct" else "A04")
    bed = arrives
    if kind == "emergency":
        bed = arrives + (leaves - arrives) * rng.uniform(0.03, 0.12)
        story.tell(bed, "A06", patient_class="I", unit=rng.choice(_UNITS), room=rng.randrange(100, 600))
    if unknown:
        retired = story.visit.mrn
        story.visit = replace(story.visit, mrn=person.mrn)
        named = bed + (leaves - bed) * 0.05
        story.events.append(_Event(named, "A40", person, story.visit, retired=retired))
    if kind != "visit" and rng.random() < 0.015:
        story.tell(bed + (leaves - bed) * 0.1, "A11")
        return story
    if kind != "visit":
        _moves(rng, story, bed, leaves)
    _leaves(rng, story, leaves, until, inpatient=kind != "visit")
    _repeats(rng, story, until)
    return story


def _moves(rng: Random, story: _Story, bed: datetime, leaves: datetime) -> None:
    """Transfers to other units, and a diagnosis that changes while the patient lies there."""
    times = sorted(rng.uniform(0.1, 0.9) for _ in range(rng.choices((0, 1, 2), (60, 32, 8))[0]))
    for share in times:
        unit = rng.choice([unit for unit in _UNITS if unit != story.visit.unit])
        story.tell(bed + (leaves - bed) * share, "A02", unit=unit, room=rng.randrange(100, 600))
    if rng.random() < 0.4:
        first, (kind, code) = story.visit.diagnoses
        after = story.events[-1].at
        changed = (first, (kind, (code + rng.randrange(1, 10)) % 10))
        story.tell(after + (leaves - after) * rng.uniform(0.1, 0.9), "A08", diagnoses=changed)


def _leaves(rng: Random, story: _Story, leaves: datetime, until: datetime, *, inpatient: bool) -> None:
    """The discharge; sometimes taken back and sent anew, sometimes completed by an A08."""
    if not inpatient:
        story.tell(leaves, "A03", discharged=leaves, disposition="01")
        return
    disposition = rng.choices(_DISPOSITIONS, _WEIGHTS)[0]
    stated = disposition if rng.random() < 0.85 else ""
    story.tell(leaves, "A03", goes_home=stated in _HOME, discharged=leaves, disposition=stated)
    after = leaves
    if rng.random() < 0.03:
        undone = after + (until - after) * rng.uniform(0.01, 0.05)
        story.tell(undone, "A13", discharged=None, disposition="")
        after = undone + (until - undone) * rng.uniform(0.02, 0.1)
        story.tell(after, "A03", discharged=after, disposition=disposition)
    elif not stated:
        after += min(timedelta(minutes=rng.uniform(5, 240)), (until - after) * 0.5)
        story.tell(after, "A08", disposition=disposition)
    if rng.random() < 0.3:
        first = (("F", rng.randrange(10)), story.visit.diagnoses[1])
        story.tell(after + (until - after) * rng.uniform(0.05, 0.6), "A08", diagnoses=first)


def _repeats(rng: Random, story: _Story, until: datetime) -> None:
    """A08 that say again what is known: mostly soon after something happened, as registration and coding do."""
    known = story.events.copy()
    for _ in range(round(rng.gammavariate(2.0, UNCHANGED_UPDATES / 2.0))):
        at = rng.choice(known)
        index = known.index(at)
        until_next = known[index + 1].at if index + 1 < len(known) else until
        late = min(timedelta(minutes=rng.expovariate(1 / 90)), (until_next - at.at) * 0.95)
        if at.trigger != "A40":
            story.events.append(replace(at, at=at.at + late, trigger="A08", watched=False, goes_home=False))


# --- how it is written --------------------------------------------------------------------------------------


def _ts(instant: datetime) -> str:
    return f"{instant.astimezone(ZONE):%Y%m%d%H%M%S}"


def _message(number: int, event: _Event, rng: Random) -> Message:
    segments = _merge(number, event) if event.trigger == "A40" else _segments(number, event, rng)
    return Message(
        "\r".join(segments).encode() + b"\r",
        event.at,
        event.trigger,
        event.visit.number,
        event.watched,
        event.goes_home,
    )


def _head(number: int, event: _Event, structure: str) -> Iterator[str]:
    said = _ts(event.at)
    yield (
        f"MSH|^~\\&|REGISTRY|VALLEYHEALTH|BATON|HUB|{said}||ADT^{event.trigger}^{structure}|{number:010d}|P|2.5.1"
        f"|{number}||AL|NE"
    )
    yield f"EVN|{event.trigger}|{said}||02|CLERK{event.visit.room % 40:02d}^^^^^^^^VALLEY|{said}|{event.visit.facility}"


def _pid(person: _Person, mrn: int, account: str) -> str:
    return (
        f"PID|1||{mrn}^^^VALLEY^MR~{mrn % 99_991:09d}^^^STATE^EI||{person.family}^{person.given}^{person.given[0]}^^^^L"
        f"||{person.born:%Y%m%d}|{person.sex}||2106-3|{person.house} {person.street}^^Albany^NY^12203^USA^H"
        f"||^PRN^PH^^1^518^{person.phone}|^WPN^PH^^1^518^{person.phone + 1}|en^English|M|CHR"
        f"|{account}"
    )


def _merge(number: int, event: _Event) -> list[str]:
    return [
        *_head(number, event, "ADT_A39"),
        _pid(event.person, event.visit.mrn, ""),
        f"MRG|{event.retired}^^^VALLEY^MR",
    ]


def _segments(number: int, event: _Event, rng: Random) -> list[str]:
    person, visit, before = event.person, event.visit, event.before
    place = f"{visit.unit}^{visit.room}^{'AB'[visit.room % 2]}^{visit.facility}^^BED"
    prior = (
        f"{before.unit}^{before.room}^{'AB'[before.room % 2]}^{before.facility}"
        if before and event.trigger == "A02"
        else ""
    )
    left = _ts(visit.discharged) if visit.discharged else ""
    address = f"{person.house} {person.street}^^Albany^NY^12203^USA^H"
    family, kin = person.family, person.kin
    return [
        *_head(number, event, "ADT_A02" if event.trigger == "A02" else "ADT_A01"),
        _pid(person, visit.mrn, f"A{visit.number}^^^VALLEY^AN"),
        f"PD1|||VALLEY FAMILY CARE^^88{person.provider % 100:02d}|{person.provider}^Sandoval^Mira^^^Dr",
        f"NK1|1|{family}^{kin[0]}|SPO^Spouse|{address}|^PRN^CP^^1^518^{person.phone + 2}",
        f"NK1|2|{family}^{kin[1]}|CHD^Child|{address}|^PRN^CP^^1^518^{person.phone + 3}",
        (
            f"PV1|1|{visit.patient_class}|{place}|{visit.admission_type}||{prior}|{visit.attending}^Attending^Paul^^^Dr"
            f"|||{visit.service}||||{visit.source}|||{visit.attending + 1}^Admitting^Ruth^^^Dr|IP"
            f"|{visit.number}^^^VALLEY^VN|MCR||||||||||||||||{visit.disposition}||||||||{_ts(visit.admitted)}|{left}"
        ),
        f"PV2|||^Shortness of breath and weakness|||||{_ts(visit.admitted)[:8]}|{visit.room % 7 + 1}||||||||||||N",
        *(
            f"DG1|{index}||{_DIAGNOSES[code][0]}^{_DIAGNOSES[code][1]}^I10C|||{kind}|||||||||{index}"
            for index, (kind, code) in enumerate(visit.diagnoses, 1)
        ),
        "AL1|1|DA^Drug allergy|70618^Penicillin^RXNORM|SV|Hives and swelling",
        f"IN1|1|MCRA^Medicare Part A|CMS001|Centers for Medicare|PO Box 100^^Baltimore^MD^21244|||{visit.mrn}A",
        f"IN1|2|SUPP^Supplement|SUP{rng.randrange(100, 999)}|Valley Mutual|PO Box 7^^Albany^NY^12203|||{visit.mrn}B",
    ]
