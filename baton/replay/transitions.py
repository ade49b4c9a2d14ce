"""Transitions over rows in memory: what its consumer, planner and deadlines process do over Postgres."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from itertools import chain
from uuid import UUID

from baton.document import RejectedRow
from baton.replay.actions import Actions
from baton.replay.timers import Timers
from schemas.encounters import EncounterEvent
from schemas.transitions import TeamAck
from services.transitions.domain import fire
from services.transitions.domain.actions import Read, Refusal
from services.transitions.domain.model import NO_NEWS, DeadlineRow, EpisodeRow, News, Stay
from services.transitions.domain.stays import KnownStay, news_of, stay_of
from services.transitions.planner import REPLAN, Difference, Rules, plan_one
from services.transitions.store import Holding

MOMENT = timedelta(microseconds=1)
"""The smallest step: a plan made behind an instant knows everything of that instant."""


class Changed:
    """What is to be published, each in its latest state."""

    def __init__(self) -> None:
        self.episodes: dict[str, EpisodeRow] = {}
        self.deadlines: dict[UUID, tuple[EpisodeRow, DeadlineRow]] = {}
        self.team_acks: dict[str, TeamAck] = {}
        self.acknowledged: dict[str | UUID, str] = {}


class Transitions:
    """Everything transitions keeps."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._actions = Actions()
        self.read, self.number_of = rules.read, self._actions.number_of
        self._timers: defaultdict[UUID, Timers[UUID]] = defaultdict(Timers)
        self._armed: dict[UUID, Timers[UUID]] = {}
        self._stays_of: defaultdict[UUID, dict[UUID, Stay]] = defaultdict(dict)
        self._visits_of_root: defaultdict[UUID, dict[UUID, None]] = defaultdict(dict)
        self._episodes_of: defaultdict[UUID, dict[str, EpisodeRow]] = defaultdict(dict)
        self._places: dict[UUID, tuple[str, str]] = {}
        self._team_acks: dict[str, TeamAck] = {}
        self._known: dict[UUID, KnownStay] = {}
        self.stays: dict[UUID, Stay] = {}
        self.episodes: dict[str, EpisodeRow] = {}
        self.acknowledged: dict[str | UUID, str] = {}
        self.readmissions: dict[UUID, list[tuple[UUID, UUID, str]]] = {}
        self.rejected: list[RejectedRow] = []
        self.changed = Changed()

    def has_changed(self) -> bool:
        """Whether anything is to be published."""
        changed = self.changed
        return bool(changed.episodes or changed.deadlines or changed.team_acks)

    def take_changed(self) -> Changed:
        """Give what changed since this was last asked for."""
        changed, self.changed = self.changed, Changed()
        if self.acknowledged:
            ids = self.acknowledged.keys() & {*changed.episodes, *changed.deadlines}
            changed.acknowledged = {one: self.acknowledged[one] for one in ids}
        return changed

    # --- what arrives -----------------------------------------------------------------------------------------

    def on_visits(self, events: Iterable[EncounterEvent], now: datetime) -> None:
        """Take over visits that changed, and plan anew whom they belong to or belonged to."""
        newer = [
            KnownStay(stay_of(event, self._rules.facilities), event.learned_at)
            for event in events
            if not event.test
        ]
        if not newer:
            return
        patients: dict[UUID, None] = {}
        before = {one.stay.visit_id: known for one in newer if (known := self._known.get(one.stay.visit_id))}
        newer = [one.after(before.get(one.stay.visit_id)) for one in newer]
        self._known |= {one.stay.visit_id: one for one in newer}
        stays = [one.stay for one in newer if one.told()]
        news = news_of(stays, before)
        for stay in stays:
            was = self.stays.get(stay.visit_id)
            if was is not None and was.patient_id != stay.patient_id:
                patients[was.patient_id] = None
                del self._stays_of[was.patient_id][stay.visit_id]
            if was is not None and was.root_id != stay.root_id:
                del self._visits_of_root[was.root_id][stay.visit_id]
            self.stays[stay.visit_id] = stay
            self._stays_of[stay.patient_id][stay.visit_id] = stay
            self._visits_of_root[stay.root_id][stay.visit_id] = None
            patients[stay.patient_id] = None
        self._actions.know(stays)
        self._plan(patients, as_of=now, arrival=now, news=news)

    def patients_of_root(self, root_id: UUID) -> dict[UUID, None]:
        """To whom the visits of a visit number belong."""
        visits = self._visits_of_root.get(root_id, ())
        return {self.stays[visit].patient_id: None for visit in visits}

    def patients_of_number(self, number: str | None) -> dict[UUID, None]:
        """To whom the visits belong that have this number, as people write it."""
        return {stay.patient_id: None for stay in self._actions.stays_under(number)} if number else {}

    def on_actions(self, actions: Iterable[Read | Refusal], now: datetime) -> None:
        """Keep what people did at one instant, and plan anew those whom it concerns."""
        patients: dict[UUID, None] = {}
        for action in actions:
            said = self._actions.take(action, now)
            if isinstance(said, Read):
                self._acknowledge_list(said, now)
            elif isinstance(said, RejectedRow):
                self.rejected.append(said)
            elif said is not None:
                patients |= self.patients_of_root(said)
        self._plan(patients, as_of=now, arrival=now)

    def _acknowledge_list(self, said: Read, now: datetime) -> None:
        """Whoever said last to have the list, and has not taken it back, has it."""
        team = self._team_of(self._actions.list_ack(said.action_id))
        standing = [ack for ack in self._actions.list_acks() if self._team_of(ack) == team]
        last = min(standing, key=lambda ack: (-ack.at.timestamp(), ack.action_id), default=None)
        known = self._team_acks.get(team)
        at, withdrawn = (last.occurred_at, False) if last else (now, True)
        if known is None or (known.withdrawn, not withdrawn and known.at) != (
            withdrawn,
            not withdrawn and at,
        ):
            revision = known.revision + 1 if known else 1
            ack = TeamAck(team=team, revision=revision, at=at, known_at=now, withdrawn=withdrawn)
            self._team_acks[team] = self.changed.team_acks[team] = ack

    def _team_of(self, said: Read) -> str:
        return self._rules.facilities.of(said.facility or "").team

    # --- what time does ---------------------------------------------------------------------------------------

    def next_timer(self, patients: Iterable[UUID]) -> datetime | None:
        """The next instant at which something happens to these patients by itself."""
        coming = [at for one in patients if (at := self._timers[one].next()) is not None]
        return min(coming) if coming else None

    def due_by(self, until: datetime) -> list[UUID]:
        """The patients to whom something happens by itself by then."""
        return [one for one, timers in self._timers.items() if (at := timers.next()) and at <= until]

    def fire(self, due: Iterable[UUID], now: datetime) -> list[UUID]:
        """Let what is due by now fall due for these patients; gives those whose plan changes by itself by now."""
        patients = []
        for subject, n in chain.from_iterable(self._timers[one].claim(now) for one in due):
            if n == REPLAN:
                patients.append(subject)
                continue
            name, kind = self._places[subject]
            episode = self.episodes[name]
            row = episode.deadlines[kind]
            if row.status == "pending":
                row = episode.deadlines[kind] = fire.warn(row, n) if n else fire.due(row)
                self.changed.deadlines[subject] = episode, row
        return patients

    def replan(self, patients: Collection[UUID], now: datetime) -> None:
        """Plan those whose plan changes by itself at this instant, behind everything that arrived at it."""
        self._plan(patients, as_of=now + MOMENT, arrival=now)

    # --- planning ---------------------------------------------------------------------------------------------

    def _plan(
        self, patients: Collection[UUID], *, as_of: datetime, arrival: datetime, news: News = NO_NEWS
    ) -> None:
        if not patients:
            return
        difference = Difference()
        for patient_id in patients:
            plan_one(patient_id, self._holding(patient_id), self._rules, as_of, arrival, difference, news)
        self._write(difference)

    def _holding(self, patient_id: UUID) -> Holding:
        mine = self._stays_of[patient_id]
        roots = dict.fromkeys([stay.root_id for stay in mine.values()])
        deeds = [deed for root in roots for deed in self._actions.deeds_on(root)]
        episodes = [
            row for visit in mine if visit in self._episodes_of for row in self._episodes_of[visit].values()
        ]
        return Holding(list(mine.values()), deeds, episodes, self._acknowledgements(episodes))

    def _acknowledgements(self, episodes: Iterable[EpisodeRow]) -> dict[str | UUID, str]:
        if not self.acknowledged:
            return {}
        ids: list[str | UUID] = []
        for row in episodes:
            ids += (row.episode_id, *(deadline.deadline_id for deadline in row.deadlines.values()))
        return {one: self.acknowledged[one] for one in ids if one in self.acknowledged}

    def _write(self, difference: Difference) -> None:
        for row in difference.episodes:
            self.episodes[row.episode_id] = self._episodes_of[row.visit_id][row.episode_id] = row
            self.changed.episodes[row.episode_id] = row
        for _, deadline in difference.deadlines:
            episode = self.episodes[deadline.episode_id]
            episode.deadlines[deadline.kind] = deadline
            self._places[deadline.deadline_id] = deadline.episode_id, deadline.kind
            self.changed.deadlines[deadline.deadline_id] = episode, deadline
        if difference.acknowledged:
            self.acknowledged |= {
                key: text
                for key, text in difference.acknowledged.items()
                if text != "[]" or key in self.acknowledged
            }
        self.readmissions |= difference.readmissions
        for subject in difference.rearmed:
            if (timers := self._armed.pop(subject, None)) is not None:
                timers.disarm(subject)
        whose = {row.deadline_id: patient_id for patient_id, row in difference.deadlines}
        for subject, n, at in difference.timers:
            timers = self._armed[subject] = self._timers[whose.get(subject, subject)]
            timers.arm(subject, n, at)
