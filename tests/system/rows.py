"""What a run leaves behind, under names of the domain instead of surrogate ids: two runs of one story can be compared.

Left out is what may depend on when something was heard, not on what was said: ids, revisions, counters of arrivals,
`learned_at` and its relatives, `late_known`, and void episodes and deadlines. Of alerts those count that stand: one
that was over before anybody looked may never have been raised.
"""

import json
from datetime import datetime
from typing import Any

from tests.system.stand import System

Rows = dict[str, list[tuple[Any, ...]]]

ARRIVALS = {"learned_at", "settle_from", "admit_learned_at", "discharge_learned_at", "known_at", "sources"}
IDS = {"patient_id", "visit_id"}

QUERIES = {
    "visits": """
        SELECT r.feed, r.authority, r.number, v.generation, v.state, v.discharged_at, v.live, v.test, v.document,
               p.number AS patient, q.number AS reported, p.person
        FROM admissions.visit v JOIN admissions.visit_root r USING (root_id)
        JOIN admissions.patient p ON p.patient_id = v.patient_id
        JOIN admissions.patient q ON q.patient_id = v.reported_id""",
    "patients": """
        SELECT p.authority, p.type, p.number, s.number AS survivor
        FROM admissions.patient p JOIN admissions.patient s ON s.patient_id = p.survivor_id""",
    "events": "SELECT event_id::text, feed, trigger, applied, occurred_at FROM admissions.event",
    "merges": "SELECT event_id::text, refused FROM admissions.merge",
    "refused messages": "SELECT feed, code, segment, field, raw_key, raw FROM admissions.rejection",
    "known visits": """
        SELECT number, authority, facility, test, document::jsonb ->> 'state' AS state,
               document::jsonb ->> 'patient_number' AS patient
        FROM transitions.visit""",
    "actions": """
        SELECT a.action_id, a.type, a.at, a.number, a.root_id IS NOT NULL AS bound, w.at AS withdrawn
        FROM transitions.action a LEFT JOIN transitions.withdrawal w USING (action_id)""",
    "episodes": """
        SELECT v.number, v.document::jsonb ->> 'generation' AS generation, e.kind, e.anchor, e.status, e.opened_at,
               e.closed_at, e.close_reason, e.protocol, e.facility, e.unit, e.team, e.live, e.readmission
        FROM transitions.episode e JOIN transitions.visit v USING (visit_id) WHERE e.status <> 'void'""",
    "deadlines": """
        SELECT v.number, v.document::jsonb ->> 'generation' AS generation, e.anchor, d.kind, d.status, d.due_at,
               d.becomes, d.settled_at, d.provisional, d.owed, d.behind, d.because, d.severity, d.warnings, d.warned,
               d.warned_at
        FROM transitions.deadline d JOIN transitions.episode e USING (episode_id)
        JOIN transitions.visit v USING (visit_id)
        WHERE e.status <> 'void' AND d.status <> 'void'""",
    "timers": """
        SELECT v.number, d.kind, e.anchor, t.n, t.fire_at
        FROM transitions.timer t JOIN transitions.deadline d ON d.deadline_id = t.subject
        JOIN transitions.episode e USING (episode_id) JOIN transitions.visit v USING (visit_id)""",
    # A missed deadline is a page, or an item of its team's list where it was past when it was learned.
    "work that people hold": """
        SELECT v.number, e.anchor, d.kind, d.due_at, e.team, e.live, a.status = 'acknowledged' AS acknowledged
        FROM notifications.alert a JOIN transitions.deadline d USING (deadline_id)
        JOIN transitions.episode e ON e.episode_id = d.episode_id JOIN transitions.visit v ON v.visit_id = e.visit_id
        WHERE a.status IN ('firing', 'acknowledged') AND a.kind LIKE '%\\_missed'
        UNION ALL
        SELECT v.number, e.anchor, d.kind, d.due_at, l.team, l.live, d.acknowledged <> '[]'
        FROM notifications.late_item l JOIN transitions.deadline d ON d.deadline_id::text = l.subject
        JOIN transitions.episode e USING (episode_id) JOIN transitions.visit v USING (visit_id)""",
    # A readmission counts as known from the arrival of the first message read that tells of it; after an outage the
    # partitions are read one ahead of the other, and a later message may be that first one.
    "other alerts that stand": """
        SELECT v.number, e.anchor, a.kind, a.severity, a.status,
               CASE WHEN a.kind <> 'readmission_detected' THEN a.raised_at END, a.team, a.live, a.facility, a.unit,
               a.due_at
        FROM notifications.alert a JOIN transitions.episode e USING (episode_id)
        JOIN transitions.visit v ON v.visit_id = e.visit_id
        WHERE a.status IN ('held', 'firing', 'acknowledged') AND a.kind NOT LIKE '%\\_missed'""",
}


async def rows(system: System) -> Rows:
    """Everything that must be the same after the same story."""
    found: Rows = {}
    async with system.db() as db:
        for name, query in QUERIES.items():
            found[name] = sorted((tuple(map(_plain, row)) for row in await db.fetch(query)), key=repr)
    return found


def different(one: Rows, other: Rows) -> dict[str, dict[str, list[tuple[Any, ...]]]]:
    """The rows that only one of two runs has; empty when both ended the same."""
    found = {}
    for name in QUERIES:
        only_one = [row for row in one[name] if row not in other[name]]
        only_other = [row for row in other[name] if row not in one[name]]
        if only_one or only_other or len(one[name]) != len(other[name]):
            found[name] = {"only in the first": only_one, "only in the second": only_other}
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str) and value.startswith(("{", "[")):
        return json.dumps(_timeless(json.loads(value)), sort_keys=True)
    return value


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _timeless(each) for key, each in value.items() if key not in ARRIVALS | IDS}
    return [_timeless(each) for each in value] if isinstance(value, list) else value
