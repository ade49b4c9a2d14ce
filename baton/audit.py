"""`baton audit run`: compare what was alerted with what should have been, one sentence for each difference."""

import json
import sys
from datetime import datetime
from typing import Any

from baton import ground
from baton.addresses import Addresses, find_database
from baton.config import settings
from baton.trouble import Misuse
from schemas.base import iso
from services.auditor.examine import Report, examine
from services.auditor.settings import Settings
from services.chassis.settings import SettingsError


async def run(since: datetime | None, until: datetime | None, *, as_json: bool) -> int:
    """Audit the database; 1 where something differs."""
    where = Addresses(find_database(), "unused:9092")
    try:
        rules = settings(Settings).rules()
    except SettingsError as error:
        raise Misuse(str(error)) from None
    async with ground.database(where) as db:
        report = await examine(db, rules, since=since, until=until, tell=_progress)
    if as_json:
        print(json.dumps(document(report), indent=2))
    else:
        for each in report.differences:
            print(each.sentence)
    for sentence in summary(report):
        print(sentence, file=sys.stderr)
    return 1 if report.differences else 0


def document(report: Report) -> dict[str, Any]:
    """The report as JSON: case ids, kinds, instants and counts; nothing of a patient."""
    return {
        "until": iso(report.until),
        "audited": report.audited,
        "alerts": report.alerts,
        "left_out": dict(report.left_out),
        "not_followed": report.not_followed,
        "differences": [
            {"case": each.case, "kind": each.kind, "difference": each.sentence} for each in report.differences
        ],
    }


def summary(report: Report) -> list[str]:
    """What was looked at, and what was not."""
    audited = f"{report.audited} groups of patients audited up to {iso(report.until)}"
    found = [f"{audited}: {report.alerts} alerts expected, {len(report.differences)} differences."]
    found += [f"{count} left out: {reason}." for reason, count in sorted(report.left_out.items())]
    if report.not_followed:
        found.append(f"Not audited: deadlines of the kinds {', '.join(report.not_followed)}.")
    return found


def _progress(done: int, whole: int) -> None:
    print(f"{done} of {whole} groups of patients", file=sys.stderr)
