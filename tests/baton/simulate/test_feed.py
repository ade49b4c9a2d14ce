"""The feed of a simulated hospital: the same for the same seed, in order of arrival, as full of faults as asked."""

import hashlib
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice, takewhile
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from baton.simulate import Hospital, HospitalError, Simulation, simulate
from baton.simulate.catalogue import catalogue
from schemas.reference.dispositions import dispositions
from tests.baton.simulate.runs import START, Run, run

RATES = {"duplicates": 0.1, "disorder": 0.1, "lateness": 0.1, "cancels": 0.2, "merges": 0.2}


@pytest.fixture(scope="module")
def clean() -> Run:
    return run(days=28, seed=5, beds=60)


def test_same_seed_same_bytes_in_any_process() -> None:
    """Given two processes with other hash seeds, zones and locales, both write the bytes this one writes."""
    options = ["--seed=3", "--beds=20", "--days=5", *(f"--{name}={rate}" for name, rate in RATES.items())]
    surroundings = (
        {"PYTHONHASHSEED": "1", "TZ": "Asia/Tokyo", "LC_ALL": "C"},
        {"PYTHONHASHSEED": "2", "TZ": "America/Los_Angeles", "LC_ALL": "C.UTF-8"},
    )

    said = {
        hashlib.sha256(
            subprocess.run(
                [sys.executable, "-m", "baton", "simulate", *options, "--from", START.isoformat()],
                env=os.environ | each,
                capture_output=True,
                check=True,
            ).stdout
        ).hexdigest()
        for each in surroundings
    }

    here = b"".join(one + b"\n" for one in run(days=5, seed=3, **RATES).data())
    assert said == {hashlib.sha256(here).hexdigest()}


def test_other_seeds_starts_and_facilities_share_no_number() -> None:
    """Feeds that differ can be sent to one system: none repeats another's visit or message number."""
    feeds = [
        simulate(Hospital(seed=1, beds=10), START),
        simulate(Hospital(seed=2, beds=10), START),
        simulate(Hospital(seed=1, beds=10), START + timedelta(days=30)),
        simulate(Hospital(seed=1, beds=10, facility="OTHER"), START),
    ]
    found = Counter(
        key for feed in feeds for key in {key for one in islice(feed, 200) for key in (one.id, one.visit)}
    )

    assert set(found.values()) == {1}


def test_the_feed_goes_on_where_it_was() -> None:
    """Given an endless feed, skipping what had arrived by an instant gives what comes after it."""
    hospital = Hospital(seed=4, beds=20, **RATES)
    instant = START + timedelta(days=3)
    whole = list(islice(simulate(hospital, START), 1500))

    again = simulate(hospital, START)
    rest = (one for one in again if one.at > instant)

    expected = [one for one in whole if one.at > instant]
    assert len(expected) > 200
    assert list(islice(rest, len(expected))) == expected


def test_until_only_ends_the_feed() -> None:
    """What is written before the end is the same as in an endless feed; nothing is written after it."""
    until = START + timedelta(days=4)
    hospital = Hospital(seed=4, beds=20, **RATES)
    endless = takewhile(lambda one: one.at < until + timedelta(days=6), simulate(hospital, START))

    ended = list(simulate(hospital, START, until))

    assert ended == [one for one in endless if one.written_at <= until and one.number <= _last(ended)]
    assert max(one.written_at for one in ended if "R" not in one.id) <= until


def _last(sent: list[Any]) -> int:
    return max(one.number for one in sent)


def test_a_clean_feed_is_in_true_order(clean: Run) -> None:
    """Without faults every message arrives once, a second after it was written, in the order of writing."""
    assert [one.number for one in clean.sent] == list(range(1, len(clean.sent) + 1))
    assert {one.at - one.written_at for one in clean.sent} == {timedelta(seconds=1)}
    assert {one.done for one in clean.sent} == {()}


def test_faults_of_the_way_leave_the_messages_alone() -> None:
    """Duplicates, disorder and lateness change when messages arrive, never what they say or what happens."""
    plain = run(seed=6)
    faulty = run(seed=6, duplicates=0.2, disorder=0.2, lateness=0.2)

    written = {one.data for one in faulty.sent if not one.id.endswith("R")}
    assert written == set(plain.data())
    assert faulty.truth == plain.truth
    assert [one.at for one in faulty.sent] == sorted(one.at for one in faulty.sent)


def test_rates_are_about_what_was_asked() -> None:
    """Of the messages and visits about the share asked for has the fault, and none that was not asked for."""
    feed = run(days=28, seed=7, beds=40, updates=0, **RATES)
    done = Counter(word for one in feed.sent for word in one.done)
    messages = _last(feed.sent)
    triggers = Counter({one.number: one.trigger for one in feed.sent}.values())
    cancelled = sum(triggers[cancel] for cancel in ("A11", "A12", "A13", "A38"))

    assert done["duplicate"] / messages == pytest.approx(0.1, abs=0.03)
    assert done["late"] / messages == pytest.approx(0.1, abs=0.03)
    assert done["out_of_order"] / messages == pytest.approx(0.09, abs=0.03)
    assert cancelled / len(feed.truth) == pytest.approx(0.2, abs=0.06)
    assert triggers["A40"] / len(feed.truth) == pytest.approx(0.2, abs=0.06)


def test_late_is_minutes_to_days() -> None:
    """A late message comes five minutes to four days after it was written."""
    late = [one.at - one.written_at for one in run(seed=9, lateness=0.5).sent if "late" in one.done]

    assert timedelta(minutes=5) <= min(late)
    assert max(late) <= timedelta(days=4, seconds=2)
    assert max(late) - min(late) > timedelta(days=2)


def test_out_of_order_is_after_a_later_message() -> None:
    """Every message called out of order arrives when a later one has."""
    latest, wrong = 0, []
    for one in run(seed=10, disorder=0.3).sent:
        if "out_of_order" in one.done and one.number > latest:
            wrong.append(one.number)
        latest = max(latest, one.number)

    assert wrong == []


def test_readmissions_are_about_what_was_asked() -> None:
    """Of those who leave for home or nursing about the share asked for is back within thirty days, else none."""
    for asked in (0.0, 0.15, 0.4):
        truth = run(days=60, seed=12, beds=40, readmissions=asked, updates=0).truth
        early = (START + timedelta(days=30)).isoformat()
        index = [
            one["visit"]
            for one in truth.values()
            if one["class"] == "I"
            and one["disposition"] in ("01", "03", "06")
            and one["discharged_at"] < early
        ]
        back = {
            one["readmission"]["of"]
            for one in truth.values()
            if one["readmission"] and one["readmission"]["kind"] in ("unplanned", "planned")
        }
        assert len(back.intersection(index)) / len(index) == pytest.approx(asked, abs=0.06)


@pytest.mark.parametrize("days", [0.01, 28])
def test_the_hospital_is_never_empty(days: float) -> None:
    """At the start, as four weeks later, two thirds to nine tenths of the beds are taken."""
    truth = run(days, seed=13, beds=300, updates=0).truth.values()
    inside = sum(one["class"] == "I" and one["state"] == "admitted" for one in truth)

    assert 200 <= inside <= 270


def test_no_bed_is_taken_twice(clean: Run) -> None:
    """Two patients never lie in one bed, whoever moves."""
    beds: dict[str, str] = {}
    places: dict[str, str] = {}
    clashes = []
    for one in clean.sent:
        place = _fields(one.data, b"PV1")[3]
        if one.trigger in ("A01", "A02", "A04", "A06"):
            beds.pop(places.pop(one.visit, ""), None)
            if beds.get(place, one.visit) != one.visit:
                clashes.append(place)
            beds[place], places[one.visit] = one.visit, place
        elif one.trigger == "A03":
            beds.pop(places.pop(one.visit, ""), None)

    assert clashes == []
    assert len(beds) > 30


def test_the_mix_is_that_of_a_hospital(clean: Run) -> None:
    """All ways in and out occur, most go home, some die, some are moved, few are on leave."""
    triggers = Counter(one.trigger for one in clean.sent)
    codes = Counter(one["disposition"] for one in clean.truth.values() if one["class"] == "I")
    stays = sum(codes.values())

    assert triggers.keys() == {"A01", "A02", "A03", "A04", "A05", "A06", "A08", "A21", "A22"}
    assert triggers["A06"] > triggers["A01"] > triggers["A21"] > 0
    assert 0.4 < codes["01"] / stays < 0.75
    assert {"01", "06", "03", "62", "20"} <= codes.keys()
    assert codes.keys() - {None} <= dispositions().keys()
    assert any(one["died_at"] and one["disposition"] != "20" for one in clean.truth.values())


def test_arrivals_keep_the_hours_of_a_hospital(clean: Run) -> None:
    """More come to the emergency department by day than by night; who was booked comes on a weekday."""
    hours = Counter(int(_fields(one.data, b"PV1")[44][8:10]) for one in clean.sent if one.trigger == "A04")
    planned = {one.visit for one in clean.sent if one.trigger == "A05"}
    days = {one.at.weekday() for one in clean.sent if one.trigger == "A01" and one.visit in planned}

    assert sum(hours[hour] for hour in range(10, 22)) > 3 * sum(hours[hour] for hour in range(6))
    assert days <= {0, 1, 2, 3, 4}


def test_times_say_what_they_should(clean: Run) -> None:
    """MSH-7 is when it was written, EVN-2 just before, EVN-6 not after EVN-2, all with their offset."""
    wrong = []
    for one in clean.sent:
        header, event = _fields(one.data, b"MSH"), _fields(one.data, b"EVN")
        times = [datetime.strptime(time, "%Y%m%d%H%M%S%z") for time in (event[6], event[2], header[6])]
        local = [time.astimezone(ZoneInfo("America/New_York")).utcoffset() for time in times]
        if (times != sorted(times) or times[2] != one.written_at
                or [time.utcoffset() for time in times] != local):  # fmt: skip
            wrong.append(one.number)

    assert wrong == []


def test_patients_can_only_be_called_in_fiction(clean: Run) -> None:
    """Every telephone number is 555-01xx, and no name or place comes from the world's lists of real people."""
    numbers = {
        phone.split(b"^")[6]
        for one in clean.sent
        for field in (_raw(one.data, b"PID")[13].split(b"~"), [_raw(one.data, b"NK1")[5]])
        for phone in field
        if phone
    }

    assert {number[:5] for number in numbers} == {b"55501"}
    assert {len(number) for number in numbers} == {7}


def test_the_catalogue_is_whole() -> None:
    """Every diagnosis has a title, every disposition is a UB-04 code, every share is one."""
    found = catalogue()
    every = (*found.conditions, found.rehabilitation)
    codes = {code for one in every for code in (*one.first, *(other for other, _ in one.others))}

    assert codes | set(found.complaints) == found.titles.keys()
    assert [one.name for one in every if set(one.first) & dict(one.others).keys()] == []
    assert {code for one in every for code in one.goes._values} <= dispositions().keys()
    assert all(
        0 <= share <= 1
        for one in every
        for share in (one.icu, one.dies, one.later, *dict(one.others).values())
    )


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"beds": 9}, "beds is 9; it may be 10 to 5000."),
        ({"cancels": 1.5}, "cancels is 1.5; it is a share from 0 to 1."),
        ({"merges": float("nan")}, "merges is nan; it is a share from 0 to 1."),
        ({"updates": -1}, "updates is -1; it may be 0 to 50."),
        ({"facility": "A|B"}, "facility is no name of 1 to 20 letters, digits, - and _, such as GENHOSP."),
        ({"zone": "Mars"}, "zone is no time zone of the IANA list, such as America/Chicago."),
    ],
)
def test_a_hospital_that_cannot_be_says_why(options: dict[str, Any], sentence: str) -> None:
    """An option out of its range is refused with what it may be."""
    with pytest.raises(HospitalError) as refused:
        Hospital(**options)

    assert str(refused.value) == sentence


def test_times_must_be_aware() -> None:
    """A start without its offset from UTC is refused: nobody could tell which instant is meant."""
    with pytest.raises(ValueError, match="offset from UTC"):
        Simulation(Hospital(), START.replace(tzinfo=None))


def _fields(data: bytes, name: bytes) -> list[str]:
    return [field.decode() for field in _raw(data, name)]


def _raw(data: bytes, name: bytes) -> list[bytes]:
    return next(_segments(data, name), [b""] * 50) + [b""] * 50


def _segments(data: bytes, name: bytes) -> Iterator[list[bytes]]:
    return (line.split(b"|") for line in data.split(b"\r") if line.startswith(name))
