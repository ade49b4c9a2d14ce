"""`baton census`: who is in which bed, and who is missing on either side of the hospital's list."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from baton.census import Asked, Stay, census, compare, read_list
from baton.cli import main
from baton.trouble import Misuse, Trouble
from services.admissions.app import build
from services.admissions.consumer import Inbound
from services.admissions.settings import Settings
from services.chassis.health import Progress
from services.chassis.kafka import Producer
from services.chassis.outbox import Relay
from services.chassis.postgres import close_pool, open_pool
from tests.messages import adt, record


def stay(number: str, unit: str | None = "4W", bed: str | None = "A", line: int = 0) -> Stay:
    return Stay(number, ("HOSPA", unit, None, bed), line)


@pytest.mark.parametrize(
    ("here", "listed", "agree", "only_listed", "only_here", "moved"),
    [
        ([stay("1")], [stay("1")], 1, [], [], []),
        ([stay("1")], [stay("2", line=3)], 0, ["2"], ["1"], []),
        ([stay("1")], [stay("1", unit="ICU")], 0, [], [], ["1"]),
        ([stay("1")], [stay("1", unit=None, bed=None)], 1, [], [], []),  # the list does not tell where
        ([stay("1", bed=None)], [stay("1", bed="B")], 1, [], [], []),
        ([stay("007", unit="4w")], [stay("7")], 1, [], [], []),  # a spreadsheet eats leading zeros
        ([stay("1"), stay("2")], [stay("1"), stay("1")], 1, [], ["2"], []),
    ],
)
def test_both_sides_are_matched_by_visit_number(
    here: list[Stay],
    listed: list[Stay],
    agree: int,
    only_listed: list[str],
    only_here: list[str],
    moved: list[str],
):
    """Who is on both, on one, or on both in another bed."""
    found = compare(here, listed)

    assert found.agree == agree
    assert [each.number for each in found.only_listed] == only_listed
    assert [each.number for each in found.only_here] == only_here
    assert [ours.number for ours, _ in found.moved] == moved


@pytest.mark.parametrize(
    "text",
    [
        "visit,unit,bed\nV1,4W,A\nV2,ICU,\n",
        "\ufeffUnit;Bed;Visit\n4W;A;V1\n\nICU;;V2\n",
        "CSN\tunit\tbed\r\nV1\t4W\tA\r\nV2\tICU\t\r\n",
    ],
)
def test_lists_come_as_spreadsheets_write_them(tmp_path: Path, text: str):
    """Commas, semicolons or tabs, with a byte-order mark, empty lines, columns in any order."""
    file = tmp_path / "list.csv"
    file.write_text(text, "utf-8")

    assert [(each.number, each.place) for each in read_list(str(file))] == [
        ("V1", (None, "4W", None, "A")),
        ("V2", (None, "ICU", None, None)),
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"patient,bed\nV1,A\n", "has no column `visit`"),
        (b"visit,bed\nV1,A\n,B\n", "line 3: there is no visit number"),
        (b"", "has no column"),
        (b"\xff\xfe\x00", "is no UTF-8 text"),
    ],
)
def test_a_list_that_cannot_be_read_is_said_to_be(tmp_path: Path, content: bytes, said: str):
    """One sentence, with the line and without a value."""
    file = tmp_path / "list.csv"
    file.write_bytes(content)
    with pytest.raises(Misuse, match=said):
        read_list(str(file))


def test_an_empty_list_is_no_empty_hospital(tmp_path: Path):
    """An export that failed must not read as a house where everybody has left."""
    file = tmp_path / "list.csv"
    file.write_text("visit,bed\n")
    with pytest.raises(Trouble, match="lists nobody"):
        read_list(str(file))
    assert main(["census", "--compare", str(file)]) == 1


@pytest.fixture
async def two_beds(database: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """Two patients in beds, one gone home."""
    monkeypatch.setenv("DATABASE_URL", database)
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    settings = Settings()
    service = build(settings)
    service.pool = await open_pool(settings, schema="admissions")
    service.relay = Relay(service.pool, Producer(settings, "test"), service.outlets, progress=Progress())
    messages = [
        adt("A01", control="1", at="202601050830", visit="V1", mrn="1", unit="4W"),
        adt("A01", control="2", at="202601050830", visit="V2", mrn="2", unit="ICU"),
        adt("A01", control="3", at="202601050830", visit="V3", mrn="3", unit="4W"),
        adt(
            "A03",
            control="4",
            at="202601060830",
            visit="V3",
            mrn="3",
            discharged="202601060830",
            disposition="01",
        ),
    ]
    await Inbound(settings).on_inbound(service, [record(m, offset=n) for n, m in enumerate(messages)])
    yield
    await close_pool(service.pool)


async def test_the_census_counts_and_names_nobody_unless_asked(
    two_beds: None, database: str, capsys: pytest.CaptureFixture[str]
):
    """Given two in beds; then two are counted, and numbers are shown only to who is kept as having seen them."""
    assert await census(Asked()) == 0
    plain = capsys.readouterr().out
    assert await census(Asked(unit="ICU", show_patient=True, by="desk", as_json=True)) == 0
    shown = json.loads(capsys.readouterr().out)
    db = await asyncpg.connect(database)
    views = await db.fetch("SELECT viewed_by, command, subject FROM baton.patient_data_view")
    await db.close()

    assert "2 in all." in plain
    assert "V1" not in plain
    assert [bed["visit"] for bed in shown["beds"]] == ["V2"]
    assert [tuple(view) for view in views] == [
        ("desk", "baton census --show-patient", "census of all facilities, ICU")
    ]


async def test_a_list_that_differs_is_told_line_by_line(
    two_beds: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """Given V1 listed in another unit, V2 not, V9 only there; then each is told, by its line, without its number."""
    file = tmp_path / "list.csv"
    file.write_text("visit,unit\nV1,5E\nV9,4W\n")
    code = await census(Asked(compare=str(file)))
    said = capsys.readouterr().out

    assert code == 1
    assert "line 3 of the list: no admission has reached us" in said
    assert "line 2: listed in 5E" in said
    assert "here in this bed: no discharge has reached us" in said
    assert "0 agree, 1 are not here, 1 are not listed, 1 are elsewhere." in said
    assert not any(number in said for number in ("V1", "V2", "V9"))


async def test_a_list_that_agrees_ends_with_0(two_beds: None, tmp_path: Path):
    """Both sides say the same."""
    file = tmp_path / "list.csv"
    file.write_text("visit,unit\nV1,4W\nV2,ICU\n")

    assert await census(Asked(compare=str(file))) == 0
