"""`baton audit run` over a database: what agrees is not mentioned, what does not is one sentence without a patient."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from msgspec.structs import replace

from baton.audit import run
from baton.commands import audit as command
from services.auditor.examine import examine
from services.auditor.settings import Rules, Settings
from tests.auditor.kept import keep
from tests.baton.hl7 import local
from tests.baton.stories import Story, stories

pytestmark = pytest.mark.postgres
NOW = local("2026-02-01 00:00")


def story(name: str) -> Story:
    return next(each for each in stories() if each.name == name)


@pytest.fixture(name="rules")
def the_rules() -> Rules:
    return Settings(database_url="postgresql://x", kafka_bootstrap_servers="x:1").rules()


@pytest.fixture(name="db")
async def the_db(database: str) -> AsyncIterator["asyncpg.Connection[Any]"]:
    connection = await asyncpg.connect(database)
    yield connection
    await connection.close()


@pytest.mark.parametrize("name", ["missed_call", "readmission", "handoff_overtaken", "late_entry"])
async def test_what_was_alerted_as_it_should_have_been_is_no_difference(
    db: "asyncpg.Connection[Any]", rules: Rules, name: str
) -> None:
    """Given a story kept whole, when it is audited, then nothing differs and its patients were looked at."""
    told = story(name)
    await keep(db, told.lines(), told.until + timedelta(minutes=30))

    report = await examine(db, rules)

    assert report.differences == []
    assert (report.audited, sum(report.left_out.values())) == (1, 0)
    assert report.alerts > 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("DELETE FROM notifications.alert WHERE kind = 'call_72h_missed'", "should have been raised at 2026-01-12T20:00:00Z, and was not"),
        (
            "UPDATE notifications.alert SET kind = 'handoff_ack_unit_missed' WHERE kind = 'call_72h_missed'",
            "was raised at 2026-01-12T20:00:00Z, and should not have been",
        ),
        (
            "UPDATE notifications.alert SET status = 'resolved', ended_at = '2026-01-13T00:00Z' WHERE kind = 'call_72h_missed'",
            "should be standing, and is resolved since 2026-01-13T00:00:00Z",
        ),
        ("UPDATE notifications.alert SET severity = 'P1' WHERE kind = 'tcm_contact_missed'", "should be of severity P2, and is of severity P1"),
    ],
)  # fmt: skip
async def test_what_differs_is_one_sentence_with_the_case(
    db: "asyncpg.Connection[Any]", rules: Rules, change: str, said: str
) -> None:
    """Given an alert lost, made up or ended wrongly, then the sentence names case, kind and instant or severity."""
    await keep(db, story("missed_call").lines(), NOW)
    await db.execute(change)
    case = await db.fetchval("SELECT episode_id FROM transitions.episode WHERE status <> 'void'")

    report = await examine(db, rules)

    sentences = [each.sentence for each in report.differences]
    assert any(sentence.endswith(f"{said}.") for sentence in sentences)
    assert all(sentence.startswith(f"Case {case}: ") for sentence in sentences)
    assert "A0010" not in str(sentences)


@pytest.mark.parametrize("label", ["transitions-of-care@1", "transitions-of-care@2+paediatric@1"])
async def test_a_case_is_audited_by_the_protocol_it_keeps(
    db: "asyncpg.Connection[Any]", rules: Rules, label: str
) -> None:
    """Given a case under an older version, or under a layer that is in force no more, then it is audited by that."""
    told = story("missed_call")
    born_2015 = [
        replace(line, adt=line.adt and line.adt.replace(b"|19480302|", b"|20150302|"))
        for line in told.lines()
    ]
    await keep(db, born_2015, NOW, label)
    assert "visit_14d_missed" not in {
        row["kind"] for row in await db.fetch("SELECT kind FROM notifications.alert")
    }

    report = await examine(db, rules)

    assert (report.audited, report.differences) == (1, [])
    assert report.alerts > 0


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("UPDATE transitions.episode SET protocol = 'gone@1'", "the protocol of a case of theirs cannot be read"),
        (
            "UPDATE transitions.action SET type = 'protocol_moved'",
            "a case of theirs was moved to another protocol",
        ),
    ],
)  # fmt: skip
async def test_a_case_that_nobody_can_say_the_protocol_of_is_left_out(
    db: "asyncpg.Connection[Any]", rules: Rules, change: str, why: str
) -> None:
    """Given a protocol whose file is gone, or a decision that moved the case, then it is left out and counted."""
    await keep(db, story("late_entry").lines(), NOW)
    await db.execute(change)

    report = await examine(db, rules)

    assert (report.audited, dict(report.left_out)) == (0, {why: 1})


async def test_patients_without_all_their_messages_are_left_out_and_counted(
    db: "asyncpg.Connection[Any]", rules: Rules
) -> None:
    """Given raw messages dropped by their retention, then nothing is said of the patient but that he was left out."""
    await keep(db, story("missed_call").lines(), NOW)
    await db.execute("DELETE FROM admissions.message WHERE received_at < '2026-01-06'")

    report = await examine(db, rules)

    assert (report.audited, report.differences) == (0, [])
    assert dict(report.left_out) == {"raw messages are no longer kept": 1}


async def test_what_moves_at_this_moment_is_left_for_the_next_time(
    db: "asyncpg.Connection[Any]", rules: Rules
) -> None:
    """Given a message of five minutes ago, then its patient is not audited yet."""
    await keep(db, story("missed_call").lines(), local("2026-01-09 15:10"))

    report = await examine(db, rules)

    assert dict(report.left_out) == {"something arrived just now": 1}


async def test_the_command_ends_with_one_where_something_differs(
    db: "asyncpg.Connection[Any]",
    database: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With --json one document; --since leaves earlier alerts alone."""
    monkeypatch.setenv("DATABASE_URL", database)
    await keep(db, story("missed_call").lines(), NOW)
    assert await run(None, None, as_json=False) == 0
    assert capsys.readouterr().out == ""
    await db.execute("DELETE FROM notifications.alert WHERE kind = 'call_72h_missed'")

    assert await run(None, None, as_json=True) == 1
    found = json.loads(capsys.readouterr().out)["differences"]
    assert [each["kind"] for each in found] == ["call_72h_missed"]
    assert await run(local("2026-01-13 00:00"), None, as_json=False) == 0
    assert "--until" in command.MORE
