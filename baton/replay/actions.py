"""What people did, by the visit number it is about; an action for a visit not yet known waits for it."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from msgspec.structs import replace

from baton.document import RejectedRow
from services.transitions.domain.actions import WITHDRAWN, Read, Refusal
from services.transitions.domain.model import Deed, Stay
from services.transitions.store import deed_of

AMBIGUOUS = "ambiguous_visit"
USED_AGAIN = "id_used_again"


class Actions:
    """The first action under an id counts; a withdrawal undoes it whenever it comes."""

    def __init__(self) -> None:
        self._numbers_of: dict[str, str] = {}
        self._known: dict[str, UUID | None] = {}
        self._bodies: dict[str, bytes] = {}
        self._withdrawn: set[str] = set()
        self._waiting: defaultdict[str, list[Read]] = defaultdict(list)
        self._deeds: defaultdict[UUID, dict[str, Deed]] = defaultdict(dict)
        self._numbers: defaultdict[str, dict[UUID, Stay]] = defaultdict(dict)
        self._about: dict[str, str] = {}
        self._lists: dict[str, Read] = {}

    def list_acks(self) -> list[Read]:
        """Every word that somebody has a team's list, and has not taken back."""
        return [said for name, said in self._lists.items() if name not in self._withdrawn]

    def number_of(self, action_id: str) -> str | None:
        """The visit number, as people write it, that this action is about."""
        return self._numbers_of.get(action_id)

    def stays_under(self, number: str) -> Iterable[Stay]:
        """The visits that have this number, as people write it."""
        return self._numbers[number].values() if number in self._numbers else ()

    def list_ack(self, action_id: str) -> Read:
        """The word that was given under this id."""
        return self._lists[action_id]

    def take(self, said: Read | Refusal, at: datetime) -> UUID | Read | RejectedRow | None:
        """Keep one action; gives the visit number it concerns, what was said of a list, or a refusal."""
        if isinstance(said, Refusal):
            return RejectedRow(at, said.code)
        if said.type == WITHDRAWN:
            if said.action_id in self._withdrawn:
                return None
            self._withdrawn.add(said.action_id)
            return said if said.action_id in self._lists else self._known.get(said.action_id)
        if said.visit is None:
            return self._lists.setdefault(said.action_id, said)
        self._numbers_of.setdefault(said.action_id, said.visit)
        roots = self._roots(said, said.visit)
        if len(roots) > 1:
            return RejectedRow(at, AMBIGUOUS)
        if self._bodies.setdefault(said.action_id, said.body) != said.body:
            return RejectedRow(at, USED_AGAIN)
        if said.action_id in self._known:
            return None
        root = next(iter(roots), None)
        self._known[said.action_id] = root
        if root is None:
            self._waiting[said.visit].append(said)
        else:
            self._bind(said, root)
        return root

    def know(self, stays: Iterable[Stay]) -> None:
        """Take note of visits as they now stand, and give them what waited for them."""
        numbers: dict[str, None] = {}
        for stay in stays:
            if stay.number:
                known = self._numbers[stay.number].get(stay.visit_id)
                if known is not None and known.root_id != stay.root_id:
                    self._follow(known.root_id, stay.root_id, stay.number)
                self._numbers[stay.number][stay.visit_id] = stay
                numbers[stay.number] = None
        for number in numbers:
            waiting = self._waiting.pop(number, None)
            for said in waiting or ():
                roots = self._roots(said, number)
                if len(roots) == 1:
                    self._bind(said, roots.pop())
                else:
                    self._waiting[number].append(said)

    def deeds_on(self, root: UUID) -> list[Deed]:
        """What was done about this visit number and not withdrawn."""
        deeds = self._deeds.get(root)
        return [deed for deed in deeds.values() if deed.action_id not in self._withdrawn] if deeds else []

    def _roots(self, said: Read, number: str) -> set[UUID]:
        return {
            stay.root_id
            for stay in self._numbers[number].values()
            if said.facility in (None, stay.facility) and said.authority in (None, stay.authority)
        }

    def _follow(self, old: UUID, root: UUID, number: str) -> None:
        """A visit went on under another number: what was done about it goes along."""
        for action_id in [each for each in self._deeds[old] if self._about[each] == number]:
            self._known[action_id] = root
            self._deeds[root][action_id] = replace(self._deeds[old].pop(action_id), root_id=root)

    def _bind(self, said: Read, root: UUID) -> None:
        self._known[said.action_id] = root
        self._about[said.action_id] = said.visit or ""
        self._deeds[root][said.action_id] = deed_of(said.action_id, root, said.at, said.body)
