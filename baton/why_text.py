"""The story of a case as a person reads it, in the time of its facility."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from baton.config import settings
from baton.risk_text import lace_lines, programme_lines
from baton.trouble import Misuse
from services.admissions.settings import Settings
from services.chassis.settings import SettingsError


def tell(story: dict[str, Any]) -> str:
    try:
        zone = settings(Settings).facilities().zone_of(story["episode"]["facility"])
    except (Misuse, SettingsError):  # a facilities file that cannot be read is for `baton up` to complain of
        zone = ZoneInfo("UTC")
    return "\n".join(_lines(story, zone))


def _lines(story: dict[str, Any], zone: ZoneInfo) -> Iterator[str]:
    episode = story["episode"]
    ended = f" ({episode['close_reason']} {_at(episode['closed_at'], zone)})" if episode["closed_at"] else ""
    yield f"Case {story['case']}: {_words(episode['kind'])}, {episode['status']}{ended}"
    yield f"  opened {_at(episode['opened_at'], zone)}, learned {_at(episode['learned_at'], zone)}"
    where = " ".join(filter(None, (episode["facility"], episode["unit"])))
    yield f"  {where}, team {episode['team']}, protocol {episode['protocol']}{'' if episode['live'] else ', not live: nothing is sent'}"
    if again := episode["readmission"]:
        yield f"  followed by another stay: {_words(again['verdict'])}, {_at(again['at'], zone)}"
    yield from _handed(episode, zone)
    if programme := episode.get("programme"):
        yield from programme_lines(programme, lambda at: _at(at, zone))
    if lace := episode.get("lace"):
        yield from lace_lines(lace)
    yield from _visit(story["visit"], zone)
    yield "\nMessages, as they arrived"
    yield from (_message(each, zone) for each in story["messages"])
    if story["actions"]:
        yield "\nWhat people did"
        yield from (_action(each, zone) for each in story["actions"])
    yield "\nWhat was owed"
    for deadline in story["plan"]:
        yield from _deadline(deadline, zone)
    yield "\nWho was told"
    for alert in story["alerts"]:
        yield from _alert(alert, zone)
    if not story["alerts"]:
        yield "  nobody: there was no alert"


def _handed(episode: dict[str, Any], zone: ZoneInfo) -> Iterator[str]:
    """How the handoff stands, who is responsible from when on, and what had to be heard at once."""
    if handoff := episode.get("handoff"):
        lacks = f", without {', '.join(map(_words, handoff['missing']))}" if handoff.get("missing") else ""
        came = f"; arrived {_at(handoff['arrived_at'], zone)}" if handoff.get("arrived_at") else ""
        yield f"  handoff {handoff['state']} {_at(handoff['at'], zone)}{lacks}{came}"
    if spans := episode.get("responsibility"):
        said = ", ".join(f"{span['party']} from {_at(span['since'], zone)}" for span in spans)
        yield f"  responsible: {said}"
    for notice in episode.get("notices") or ():
        ended = f", {_words(notice['ended'])} {_at(notice['ended_at'], zone)}" if notice.get("ended") else ""
        yield f"  {_words(notice['kind'])} ({notice['severity']}) {_at(notice['at'], zone)}{ended}"


def _visit(visit: dict[str, Any], zone: ZoneInfo) -> Iterator[str]:
    if not visit:
        return
    times = [
        f"{name.removesuffix('_at')} {_at(visit[name], zone)}"
        for name in ("admitted_at", "discharged_at")
        if visit[name]
    ]
    goes = visit["disposition"]
    to = f", to {_words(goes['category'])} ({goes['code'] or 'no code'})" if goes else ""
    yield f"  the visit is {_words(visit['state'])}{''.join(f', {each}' for each in times)}{to}"
    if patient := visit.get("patient"):
        yield f"  visit {visit['number']} ({visit['authority']})"
        yield from (f"  patient {name}: {value}" for name, value in patient.items())


def _message(message: dict[str, Any], zone: ZoneInfo) -> str:
    effect = "" if message["applied"] else "; without effect in this version"
    flags = f"; {', '.join(message['flags'])}" if message["flags"] else ""
    happened = _at(message["occurred_at"], zone)
    return (
        f"  {_at(message['received_at'], zone)}  {message['trigger']} {_words(message['type'])}, "
        f"of {happened}, control id {message['control_id']}{effect}{flags}"
    )


def _action(action: dict[str, Any], zone: ZoneInfo) -> str:
    details = [
        _words(str(action[name]))
        for name in ("channel", "party", "outcome", "kind", "reason")
        if name in action
    ]
    by = f" by {action['by']}" if "by" in action else ""
    back = f"; withdrawn {_at(action['withdrawn_at'], zone)}" if "withdrawn_at" in action else ""
    done = f"  {_at(action['at'], zone)}  {_words(action['type'])}{by}{''.join(f', {each}' for each in details)}{back}"
    return done + _answer(action)


def _answer(action: dict[str, Any]) -> str:
    """What became of it, where that needs a word: what it settled, or why it has no effect."""
    if action.get("for"):
        return f"; counts for {', '.join(action['for'])}"
    return f"; {action['effect']}: {_words(action['why'])}" if action.get("why") else ""


def _deadline(deadline: dict[str, Any], zone: ZoneInfo) -> Iterator[str]:
    marks = [word for word in ("late_known", "provisional", "behind") if deadline[word]]
    settled = f" {_at(deadline['settled_at'], zone)}" if deadline["settled_at"] else ""
    yield (
        f"  {deadline['kind']}: due {_at(deadline['due_at'], zone)}; {_words(deadline['status'])}{settled}"
        f"{''.join(f'; {_words(mark)}' for mark in marks)}"
    )
    yield f"      {deadline['because']}; the {_words(deadline['responsible'])} is responsible"


def _alert(alert: dict[str, Any], zone: ZoneInfo) -> Iterator[str]:
    ended = f" {_at(alert['ended_at'], zone)}" if alert["ended_at"] else ""
    raised = f"raised {_at(alert['raised_at'], zone)}"
    if alert["status"] == "held":
        raised = f"held until {_at(alert['raise_at'], zone)}"
    yield f"  {alert['kind']} ({alert['severity']}): {raised}; {alert['status']}{ended}"
    for attempt in alert["sent"]:
        taken = f", taken for {', '.join(attempt['took'])}" if attempt["took"] else ""
        yield (
            f"      {_at(attempt['started_at'], zone)}  {attempt['reason']} to {attempt['channel']} at "
            f"{attempt['host']}: {attempt['answer'] or 'no answer'}{taken}"
        )
        yield f"          {attempt['said']}"
    if not alert["sent"]:
        yield "      not sent to anyone"


def _at(text: str, zone: ZoneInfo) -> str:
    return f"{datetime.fromisoformat(text).astimezone(zone):%Y-%m-%d %H:%M:%S %Z}"


def _words(text: str) -> str:
    return text.replace("_", " ")
