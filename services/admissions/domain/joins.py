"""Visit numbers and accounts have histories too: one folds into another, takes another's place, goes to another patient."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from msgspec import Struct

from services.admissions.domain.identity import joined
from services.admissions.domain.model import AdtEvent, PatientKey, VisitKey
from services.admissions.domain.order import OrderKey, RecordKey, order_key, record_key

_VISITS = {"A42": False, "A45": True, "A50": True, "A06": True, "A07": True}
"""Events in which MRG-5 becomes PV1-19, and whether that is only another number for the same visit."""

_ACCOUNTS = {"A41": False, "A35": False, "A36": False, "A49": True, "A06": True, "A07": True}
"""Events in which MRG-3 becomes PID-18, likewise. Feeds without PV1-19 know their visits by the account alone."""

JOINS = frozenset({*_VISITS, *_ACCOUNTS})

MOVES_ACCOUNT = "A44"
"""The account MRG-3, with its visits, goes from the patient of MRG-1 to the patient of PID-3."""

Who = TypeVar("Who")


class Join(Struct, frozen=True, omit_defaults=True):
    """One statement on two numbers of a feed: `retired` (MRG) is `surviving`, which stays.

    `renames`: the same visit under another number. `account`: said of accounts, so it concerns only visits that
    have no number of their own.
    """

    event_id: str
    retired: VisitKey
    surviving: VisitKey
    order: OrderKey
    renames: bool = False
    account: bool = False


class AccountMove(Struct, frozen=True):
    """An account, with the visits that are under it then, is another patient's."""

    account: VisitKey
    patient: PatientKey
    recorded: RecordKey


class Group(Struct, frozen=True):
    """Numbers that mean one visit (with its generations).

    `named` is the number that stands, `owner` the number under whose surrogate the visit is kept: of a re-labelled
    visit the first, so that what is known of it goes on. `retired` gives, for every other number, the one under
    whose surrogate its own row, folded, is kept.
    """

    named: VisitKey
    owner: VisitKey
    retired: Mapping[VisitKey, VisitKey]


def joins(event: AdtEvent) -> tuple[Join, ...]:
    """What an event says about visit numbers; nothing of it where both are one, or one is missing."""
    if event.trigger not in JOINS:
        return ()
    pairs = (
        (event.prior_visit, event.visit, _VISITS.get(event.trigger), False),
        (event.prior_account, event.account, _ACCOUNTS.get(event.trigger), True),
    )
    order = order_key(event)
    return tuple(
        Join(event.event_id, retired, surviving, order, renames, account)
        for retired, surviving, renames, account in pairs
        if renames is not None
        and retired is not None
        and surviving is not None
        and (retired != surviving or event.trigger == "A42")
    )


def groups(facts: Sequence[Join], events: Mapping[VisitKey, Sequence[AdtEvent]]) -> tuple[Group, ...]:
    """Fold the numbers of a closed set into the visits they mean, from all statements and all their events."""
    valid = _concerning(facts, events)
    heads, refused = joined(valid)
    void = {id(fact) for fact, _ in refused}
    renamed: dict[VisitKey, VisitKey] = {}
    retired: set[VisitKey] = set()
    for fact in sorted(valid, key=lambda each: (each.order, each.event_id, each.retired)):
        # Only what retires a number for the first time joins anything; the rest would lead round in a circle.
        if id(fact) in void or fact.retired in retired:
            continue
        retired.add(fact.retired)
        if fact.renames and fact.surviving not in renamed:
            before = any(order_key(event) < fact.order for event in events.get(fact.surviving, ()))
            if not before:
                renamed[fact.surviving] = fact.retired
    found = []
    for named in sorted(set(events) - heads.keys()):
        owner = named
        while owner in renamed:
            owner = renamed[owner]
        members = sorted(key for key, head in heads.items() if head == named)
        found.append(Group(named, owner, {key: named if key == owner else key for key in members}))
    return tuple(found)


def refusals(facts: Sequence[Join], events: Mapping[VisitKey, Sequence[AdtEvent]]) -> dict[Join, str]:
    """The statements on a closed set of numbers that join nothing and wait for a person, each with the reason."""
    return dict(joined(_concerning(facts, events))[1])


def _concerning(facts: Sequence[Join], events: Mapping[VisitKey, Sequence[AdtEvent]]) -> list[Join]:
    accounts = {key for key in events if _known_by_account(events[key])}
    return [
        fact
        for fact in facts
        if not fact.account or (fact.retired in accounts and fact.surviving in accounts)
    ]


def _known_by_account(events: Sequence[AdtEvent]) -> bool:
    """Whether no event tells the visit from its account: then a merge of accounts means the visit."""
    return all(event.account is None or event.account == event.visit for event in events)


def account_move(event: AdtEvent) -> AccountMove | None:
    """The account that an event gives to another patient."""
    account = event.prior_account or event.account
    if event.trigger != MOVES_ACCOUNT or account is None or event.patient is None:
        return None
    return AccountMove(account, event.patient, record_key(event))


def reported_by(
    events: Iterable[tuple[Who | None, AdtEvent]], moves: Iterable[tuple[Who, AccountMove]] = ()
) -> Who | None:
    """Whose visit it is: who was named last, in the order of recording, by an event of it or a move of its account.

    The order of recording, because a discharge time typed a year ahead says nothing of who left. An A31 speaks of
    the person, not of the visit.
    """
    named = [(who, event) for who, event in events if event.trigger != "A31"]
    latest = max((event.recorded_at for who, event in named if who is not None), default=None)
    last = max(
        ((record_key(event), who) for who, event in named if event.recorded_at == latest and who is not None),
        key=lambda each: each[0],
        default=None,
    )
    for who, move in moves:
        under = max(
            (
                (recorded, event.account)
                for _, event in named
                if event.account is not None and (recorded := record_key(event)) < move.recorded
            ),
            default=None,
        )
        if under and under[1] == move.account and (last is None or move.recorded > last[0]):
            last = move.recorded, who
    return last[1] if last else None
