"""The outcome document of a running system, read from its rows in Postgres."""

from datetime import UTC, datetime

import asyncpg
import pytest

from baton import document
from baton.document import AlertRow, DeadlineRow, EpisodeRow, ReadmissionRow, RejectedRow, VisitRow
from baton.document_text import text
from baton.outcome import outcome
from baton.trouble import Trouble
from services.transitions.domain.risk.model import Lace, Programme

NOON = datetime(2026, 1, 9, 17, tzinfo=UTC)
NIGHT = datetime(2026, 1, 10, 3, tzinfo=UTC)

ROWS = """
INSERT INTO admissions.patient (patient_id, authority, type, number, survivor_id) VALUES
  ('11111111-0000-0000-0000-000000000001', 'HOSPA', 'MR', '70002', '11111111-0000-0000-0000-000000000001');
INSERT INTO admissions.visit (visit_id, root_id, generation, reported_id, patient_id, feed, live, test, state,
  discharged_at, learned_at, cause, changed, document, revision)
SELECT ('22222222-0000-0000-0000-00000000000' || n)::uuid, ('22222222-0000-0000-0000-00000000000' || n)::uuid, 0,
  '11111111-0000-0000-0000-000000000001', '11111111-0000-0000-0000-000000000001', 'default', true, n = 3, state, at,
  '2026-01-09T17:05Z', 'A03', '{new}',
  '{"number": "V' || n || '", "facility": "HOSPA", "patient_class": "I", "admitted_at": "2026-01-05T13:30:00Z", '
  '"disposition": {"code": "01"}}', 1
FROM (VALUES (1, 'discharged', '2026-01-09T17:00Z'::timestamptz), (2, 'admitted', NULL), (3, 'admitted', NULL))
  AS given (n, state, at);
INSERT INTO transitions.patient (patient_id, readmissions) VALUES ('11111111-0000-0000-0000-000000000001',
  '[["22222222-0000-0000-0000-000000000001", "22222222-0000-0000-0000-000000000002", "ed_revisit"]]');
INSERT INTO transitions.visit (visit_id, root_id, patient_id, number, facility, test, revision, document)
SELECT visit_id, root_id, patient_id, document::jsonb ->> 'number', 'HOSPA', test, 1, '{"patient_number": "70002"}'
FROM admissions.visit;
INSERT INTO transitions.episode (episode_id, patient_id, visit_id, kind, anchor, status, opened_at, protocol, facility,
  team, live, programme, lace, learned_at, known_at, revision)
VALUES ('CASEONE', '11111111-0000-0000-0000-000000000001', '22222222-0000-0000-0000-000000000001', 'discharge', '',
  'open', '2026-01-09T17:00Z', 'p', 'HOSPA', 't', true,
  '{"decision": "case_management", "since": "2026-01-09T17:00:00Z", "reasons": ["sud"], "sensitive": ["sud"]}',
  '{"l": 4, "a": 3, "c": 5, "e": 0, "total": 12, "band": "high", "provisional": true, "rules": "r"}',
  '2026-01-09T17:05Z', '2026-01-09T17:05Z', 1);
INSERT INTO transitions.deadline (deadline_id, episode_id, patient_id, kind, status, due_at, becomes, settled_at,
  generation, late_known, provisional, owed, behind, because, severity, warnings, warned, learned_at, known_at, revision)
VALUES ('33333333-0000-0000-0000-000000000001', 'CASEONE', '11111111-0000-0000-0000-000000000001', 'call_72h', 'missed',
  '2026-01-10T03:00Z', 'missed', '2026-01-10T03:00Z', 0, true, false, true, false, 'because', 'P2', '[]', 0,
  '2026-01-09T17:05Z', '2026-01-10T03:00Z', 1);
INSERT INTO notifications.alert (alert_id, subject, kind, severity, status, raised_at, team, live, generation, ended_at,
  episode_id, visit_id, items, revision, told_of, changed_at)
SELECT ('44444444-0000-0000-0000-00000000000' || n)::uuid, n, kind, 'P2', status, '2026-01-10T03:00Z', 't', true, 0,
  ended_at, 'CASEONE', visit_id, 1, 1, 1, '2026-01-10T03:00Z'
FROM (VALUES
  ('1', 'call_72h_missed', 'resolved', '2026-01-10T03:00Z'::timestamptz, '22222222-0000-0000-0000-000000000001'::uuid),
  ('2', 'readmission_detected', 'firing', NULL, '22222222-0000-0000-0000-000000000002'),
  ('3', 'call_72h_missed', 'held', NULL, '22222222-0000-0000-0000-000000000001'),
  ('4', 'late_known', 'firing', NULL, NULL)) AS given (n, kind, status, ended_at, visit_id);
INSERT INTO transitions.rejection (rejection_id, received_at, topic, partition, record_offset, code, detail, raw)
VALUES ('55555555-0000-0000-0000-000000000001', '2026-01-09T17:00Z', 'care.actions', 0, 0, 'unknown_type', '', '');
"""


def expected() -> dict[str, object]:
    return document.build(
        visits=[
            VisitRow("V2", "HOSPA", 0, "70002", "admitted", "I", datetime(2026, 1, 5, 13, 30, tzinfo=UTC), None, "01"),
            VisitRow("V1", "HOSPA", 0, "70002", "discharged", "I", datetime(2026, 1, 5, 13, 30, tzinfo=UTC), NOON, "01"),
        ],
        episodes=[
            EpisodeRow(
                "V1", "HOSPA", "70002", "discharge", "open", NOON, None, None,
                (DeadlineRow("call_72h", NIGHT, "missed", NIGHT, True, False, "because"),),
                Programme("case_management", NOON, ("sud",), sensitive=("sud",)),
                Lace(4, 3, 5, 0, 12, "high", True, "r"),
            )
        ],
        readmissions=[ReadmissionRow("V1", "V2", "ed_revisit")],
        alerts=[
            AlertRow("V2", "V1", "readmission_detected", "P2", NIGHT, "firing", None),
            AlertRow(None, None, "late_known", "P2", NIGHT, "firing", None),
            AlertRow("V1", None, "call_72h_missed", "P2", NIGHT, "resolved", NIGHT),
        ],
        rejected=[RejectedRow(NOON, "unknown_type")],
    )  # fmt: skip


@pytest.mark.postgres
async def test_the_rows_are_told_in_the_words_of_the_contract(database: str) -> None:
    """Visits of test messages and alerts nobody has seen yet are no part of it; a late-known alert names no visit."""
    db = await asyncpg.connect(database)
    await db.execute(ROWS)
    await db.close()

    assert expected() == await outcome(database)


@pytest.mark.postgres
async def test_an_empty_system_has_an_empty_outcome(database: str) -> None:
    """Five empty lists."""
    assert document.build(visits=[], episodes=[], readmissions=[], alerts=[], rejected=[]) == await outcome(
        database
    )


@pytest.mark.postgres
async def test_a_database_without_baton_is_one_sentence(empty_database: str) -> None:
    """It says what to do."""
    with pytest.raises(Trouble, match="baton migrate"):
        await outcome(empty_database)


def test_programme_and_risk_are_told_as_decision_reasons_and_points() -> None:
    """Nothing of how they came about; a handoff between units has neither."""
    said = expected()["episodes"][0]  # type: ignore[index]

    assert said["programme"] == {"decision": "case_management", "reasons": ["sud"]}
    assert said["lace"] == {"l": 4, "a": 3, "c": 5, "e": 0, "total": 12, "band": "high", "provisional": True}


def test_a_document_says_nothing_of_order_and_every_instant_in_utc() -> None:
    """Lists are sorted; instants end in Z."""
    said = expected()

    assert [row["number"] for row in said["visits"]] == ["V1", "V2"]  # type: ignore[attr-defined]
    assert said["visits"][0]["discharged_at"] == "2026-01-09T17:00:00Z"  # type: ignore[index]


def test_people_read_a_table() -> None:
    """Every list under its title; an outcome of nothing says so."""
    shown = text(expected())

    assert [line for line in shown.splitlines() if line.isupper()] == [
        "VISITS",
        "OWED",
        "READMISSIONS",
        "ALERTS",
        "REJECTED",
    ]
    assert "missed late-known" in shown
    assert (
        text(document.build(visits=[], episodes=[], readmissions=[], alerts=[], rejected=[]))
        == "Nothing has happened."
    )
