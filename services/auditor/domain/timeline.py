"""From arrivals to alerts: at every instant at which anything can change, look at the whole world again."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from schemas.reference.facilities import Facilities
from services.auditor.domain.actions import Deed, Key, standing
from services.auditor.domain.message import Message
from services.auditor.domain.owing import Duty
from services.auditor.domain.protocol import AT_ONCE, Protocol
from services.auditor.domain.settle import Settled, handovers, settle
from services.auditor.domain.world import World, world

_DONE = frozenset({"met", "met_late", "attempted"})


@dataclass(slots=True)
class Expected:
    """An alert that should have been raised. A `late_known` one is of a team and names no visit."""

    kind: str
    visit: str | None
    index_visit: str | None
    severity: str
    raised_at: datetime
    status: str = "firing"
    ended_at: datetime | None = None
    named: Key | None = None
    index: Key | None = None
    duty: str = ""
    team: str = ""


@dataclass(slots=True)
class _Duty:
    """What must be remembered of a duty between arrivals: since when this due time is known, and what is over."""

    due: datetime
    learned: datetime
    in_force: bool = True
    over: bool = False
    heard: bool = False
    round: int = 0
    owed: bool = False
    missed: bool = False
    warned: int = 0


@dataclass(slots=True)
class Timeline:
    """The alerts of some people, from their messages and actions alone."""

    protocol: Protocol
    facilities: Facilities
    others: Mapping[Key, Protocol] = field(default_factory=dict)
    alerts: list[Expected] = field(default_factory=list)
    late: list[Expected] = field(default_factory=list)
    _told: dict[Any, Expected] = field(default_factory=dict)
    _firing: dict[Any, Expected] = field(default_factory=dict)
    _duties: dict[Any, _Duty] = field(default_factory=dict)

    def run(self, messages: Sequence[Message], done: Sequence[Deed], until: datetime) -> None:
        heard = {m.arrived for m in messages} | {d.arrived for d in done}
        arrivals = sorted(at for at in heard if at <= until)
        for number, at in enumerate(arrivals):
            here = _once([m for m in messages if m.arrived <= at])
            now_done = standing(done, at)
            known = world(here, now_done, self.protocol, self.facilities, self.others)
            self._learn(known, at)
            next_at = arrivals[number + 1] if number + 1 < len(arrivals) else None
            moments = [
                m for m in self._moments(known) if at < m <= until and (next_at is None or m < next_at)
            ]
            for moment in [at, *sorted(set(moments))]:
                self._look(known, moment)

        self._acknowledge(standing(done, until))

    def _learn(self, known: World, at: datetime) -> None:
        seen = set()
        for duty in known.duties:
            ended = duty.ended
            in_force = ended is None or ended[0] > at
            seen.add(duty.key)
            was = self._duties.get(duty.key)
            if was is None:
                self._duties[duty.key] = _Duty(duty.due, at, in_force)
                continue
            if was.due != duty.due or (in_force and not was.in_force):
                was.learned = at
                was.heard = duty.due < at and (duty.key, f"{duty.kind}_missed") in self._firing
            if duty.due > max(was.due, at):
                # Somebody was told, and the due time has moved away from it: that is not about this any more.
                was.round += was.missed or _passed(duty, at) < was.warned
            was.due, was.in_force = duty.due, in_force
        for key, was in self._duties.items():
            if key not in seen:
                was.in_force = False

    def _moments(self, known: World) -> Iterable[datetime]:
        for duty in known.duties:
            yield from (duty.due, duty.quiet_until, *([duty.closes] if duty.closes else []))
            yield from (at for at, _ in (*duty.ends, *duty.warnings))
        for notice in known.notices:
            yield from (at for at, _ in notice.ends)

    def _look(self, known: World, now: datetime) -> None:
        accepted, refused = handovers(known.duties)
        settled = {d.key: settle(d, accepted.get(d.key), now) for d in known.duties}
        self._count_rounds(known, settled, now)
        wanted: dict[Any, Expected] = {}
        for duty in known.duties:
            for kind, severity in self._of_duty(duty, settled[duty.key], now):
                wanted[duty.key, kind] = self._expected(duty, kind, severity, now)
        for each in known.readmissions:
            if each.notice:
                name = (*each.stay.key, each.stay.generation, "readmission", *each.index.key)
                wanted[name] = Expected(
                    "readmission_detected", each.stay.number, each.index.number, "P2", now,
                    named=each.stay.key, index=each.index.key,
                )  # fmt: skip
        for notice in known.notices:
            if not notice.answered and not any(at <= now for at, _ in notice.ends):
                wanted[notice.key] = Expected(
                    notice.kind, notice.stay.number, None, notice.severity, now, named=notice.stay.key
                )
        answered = {notice.key for notice in known.notices if notice.answered}
        for duty, deed in refused:
            key = (*duty.key, "refused", deed.id)
            if duty.key in accepted:
                answered.add(key)
            elif not any(at <= now for at, _ in duty.ends):
                wanted[key] = self._expected(duty, "handoff_declined", "P2", now)
        self._move(wanted, settled, now, answered)

    def _count_rounds(self, known: World, settled: Mapping[Any, Settled], now: datetime) -> None:
        """What is owed again after it was done or over is asked for anew: another round of the same duty."""
        for duty in known.duties:
            was = self._duties[duty.key]
            closed = duty.closes is not None and duty.closes <= now
            state = settled[duty.key]
            owed = state.status in {"pending", "missed"} and not closed and not state.waived
            was.round += owed and not was.owed
            was.owed = owed
            was.missed, was.warned = state.status == "missed", _passed(duty, now)
        for key in self._duties.keys() - settled.keys():
            self._duties[key].owed = False

    def _of_duty(self, duty: Duty, state: Settled, now: datetime) -> Iterable[tuple[str, str]]:
        was = self._duties[duty.key]
        late = duty.due < was.learned and not was.heard
        ended = duty.ended
        closed = duty.closes is not None and duty.closes <= now
        if closed and state.status == "missed":
            was.over = was.over or ended[1] == "left" if ended else was.over
        cap = "P1" if duty.page else "P3"
        quiet = now < duty.quiet_until
        if state.status == "missed" and not closed and not state.waived and not was.over:
            if late:
                yield self._unless_quiet(duty, "late_known", "P3", quiet=quiet)
            else:
                yield self._unless_quiet(
                    duty, f"{duty.kind}_missed", max(self._severity(duty), cap), quiet=quiet
                )
        elif state.status == "pending" and not closed and not late:
            passed = [severity for at, severity in duty.warnings if at <= now]
            if passed:
                yield self._unless_quiet(duty, f"{duty.kind}_due_soon", max(passed[-1], cap), quiet=quiet)

    def _unless_quiet(self, duty: Duty, kind: str, severity: str, *, quiet: bool) -> tuple[str, str]:
        """While the dust settles nothing new is said; what was said already goes on."""
        return (kind, severity) if not quiet or (duty.key, kind) in self._firing else ("", severity)

    def _severity(self, duty: Duty) -> str:
        rule = duty.protocol.rule(duty.kind)
        units = self.facilities.of(duty.stay.facility).handoff_units
        if "severity_elsewhere" in rule and units != "all" and duty.unit not in units:
            return str(rule["severity_elsewhere"])
        if "severity_low_risk" in rule and not duty.high:
            return str(rule["severity_low_risk"])
        return str(rule["severity"])

    def _expected(self, duty: Duty, kind: str, severity: str, now: datetime) -> Expected:
        return Expected(
            kind, duty.stay.number, None, severity, now,
            named=duty.stay.key, duty=duty.kind,
            team=self.facilities.of(duty.stay.facility).team,
        )  # fmt: skip

    def _move(
        self,
        wanted: dict[Any, Expected],
        settled: Mapping[Any, Settled],
        now: datetime,
        answered: Collection[Any],
    ) -> None:
        wanted = {name: each for name, each in wanted.items() if each.kind}
        for name in [name for name in self._firing if name not in wanted]:
            gone = self._firing.pop(name)
            state = settled.get(name[0]) if isinstance(name[0], tuple) else None
            gone.ended_at = now
            gone.status = "resolved" if name in answered else self._ending(gone.kind, name, state)
        for name, each in wanted.items():
            if name in self._firing:
                self._firing[name].severity = each.severity
            else:
                self._raise(name, each)

    def _raise(self, name: Any, alert: Expected) -> None:
        """An alert that comes true a second time in one round is the same alert, raised again."""
        self._firing[name] = alert
        if alert.kind == "late_known":
            self.late.append(alert)
            return
        duty = self._duties.get(name[0])
        key = (name, duty.round if duty else 0)
        if key in self._told:
            self.alerts.remove(self._told[key])
        self._told[key] = alert
        self.alerts.append(alert)

    def _ending(self, kind: str, name: Any, state: Settled | None) -> str:
        if state is None:
            return "retracted"
        if kind.endswith("_due_soon"):
            was = self._duties[name[0]]
            done = state.status in _DONE or (state.status == "missed" and was.due >= was.learned)
            return "resolved" if done else "retracted"
        return "resolved" if state.status == "met_late" else "retracted"

    def _acknowledge(self, done: Iterable[Deed]) -> None:
        """Mark what somebody took while it was firing. Who took it at the very instant of a timer took another."""
        for deed in done:
            if deed.said.type != "alert_acknowledged":
                continue
            kinds = {deed.said.kind, f"{deed.said.kind}_missed"}
            for alert in self._firing.values():
                timed = alert.kind not in AT_ONCE
                since = deed.at > alert.raised_at or (deed.at == alert.raised_at and not timed)
                if alert.kind in kinds and alert.named == deed.visit and since:
                    alert.status = "acknowledged"


def _passed(duty: Duty, now: datetime) -> int:
    return sum(at <= now for at, _ in duty.warnings)


def _once(messages: Sequence[Message]) -> list[Message]:
    """Each content once, as it arrived first."""
    found: dict[tuple[str, str], Message] = {}
    for message in sorted(messages, key=lambda m: m.arrived):
        found.setdefault((message.feed.name, message.fingerprint), message)
    return list(found.values())


def grouped(late: Iterable[Expected]) -> list[Expected]:
    """What was late when learned is one alert of a team for as long as any of it is owed."""
    found: list[Expected] = []
    running: dict[str, Expected] = {}
    for each in sorted(late, key=lambda item: item.raised_at):
        alert = running.get(each.team)
        if alert is None or (alert.ended_at is not None and alert.ended_at < each.raised_at):
            alert = replace(each, visit=None, named=None, status="resolved")
            running[each.team] = alert
            found.append(alert)
        if each.ended_at is None or alert.ended_at is None:
            alert.ended_at, alert.status = None, "firing"
        else:
            alert.ended_at = max(alert.ended_at, each.ended_at)
    return found
