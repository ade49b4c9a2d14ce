"""The person behind the messages: for each fact the last word in event order wins, wherever it was said."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from msgspec import UNSET, Struct, structs

from schemas.encounters import Caregiver, Death, Telecom
from services.admissions.domain.identity import own_key
from services.admissions.domain.model import AdtEvent, NextOfKin, PatientKey, Phone
from services.admissions.domain.order import OrderKey, order_key


class _Text(Struct, frozen=True, gc=False, array_like=True):
    order: OrderKey
    value: str | None


class _Date(Struct, frozen=True, gc=False, array_like=True):
    order: OrderKey
    value: date | None


class _Phones(Struct, frozen=True, gc=False, array_like=True):
    order: OrderKey
    value: tuple[Phone, ...] | None


class _Kin(Struct, frozen=True, gc=False, array_like=True):
    order: OrderKey
    value: tuple[NextOfKin, ...] | None


class _Instant(Struct, frozen=True, gc=False, array_like=True):
    order: OrderKey
    value: datetime | None


class _Key(Struct, frozen=True, gc=False, array_like=True):
    order: OrderKey
    value: PatientKey


class _Dead(Struct, frozen=True, gc=False, array_like=True):
    order: OrderKey
    value: bool


class Registers(Struct, frozen=True, gc=False, omit_defaults=True):
    """What was said of a person under one identifier; combining is commutative, associative and idempotent.

    `death_reported` keeps the first message, in event order, that reported the death; `death_learned` the
    arrival of the earliest report. `first` is the event time at which the identifier was first heard of, `enterprise`
    the enterprise identifier it was last said to have: neither is published.
    """

    name: _Text | None = None
    birth_date: _Date | None = None
    sex: _Text | None = None
    language: _Text | None = None
    telecom: _Phones | None = None
    caregivers: _Kin | None = None
    primary_care_provider: _Text | None = None
    dead: _Dead | None = None
    death_at: _Instant | None = None
    death_reported: OrderKey | None = None
    death_learned: datetime | None = None
    first: datetime | None = None
    enterprise: _Key | None = None


_LATEST: dict[str, type[Any]] = {
    "name": _Text,
    "birth_date": _Date,
    "sex": _Text,
    "language": _Text,
    "telecom": _Phones,
    "caregivers": _Kin,
    "primary_care_provider": _Text,
}

_SAID = (*_LATEST, "dead", "death_at")


def absorb(registers: Registers | None, event: AdtEvent) -> Registers:
    """Take over what the event says; the same object comes back when it says nothing newer."""
    known = registers or Registers()
    person, order = event.person, order_key(event)
    changes: dict[str, Any] = {}
    for name, register in _LATEST.items():
        value = getattr(person, name)
        old = getattr(known, name)
        if value is not UNSET and (old is None or order > old.order):
            changes[name] = register(order, value)
    changes |= _death(known, event, order)
    if known.first is None or event.occurred_at < known.first:
        changes["first"] = event.occurred_at
    if event.enterprise is not None and (known.enterprise is None or order > known.enterprise.order):
        changes["enterprise"] = _Key(order, own_key(event, event.enterprise))
    if not changes and registers is not None:
        return registers
    return structs.replace(known, **changes)


def _death(known: Registers, event: AdtEvent, order: OrderKey) -> dict[str, Any]:
    person = event.person
    changes: dict[str, Any] = {}
    said = (
        True
        if isinstance(person.death_at, datetime) or person.dead is True
        else False
        if person.dead is not UNSET
        else None
    )
    if said is None and person.death_at is None:
        said = False
    if said is None:
        return changes
    if known.dead is None or order > known.dead.order:
        changes["dead"] = _Dead(order, said)
    # Who is said to live has no time of death either, whatever an earlier mistake said.
    at = person.death_at if isinstance(person.death_at, datetime) else None
    timed = person.death_at is not UNSET or not said
    if timed and (known.death_at is None or order > known.death_at.order):
        changes["death_at"] = _Instant(order, at)
    if said:
        if known.death_reported is None or order < known.death_reported:
            changes["death_reported"] = order
        if known.death_learned is None or event.received_at < known.death_learned:
            changes["death_learned"] = event.received_at
    return changes


def without(registers: Registers, events: Iterable[AdtEvent]) -> Registers:
    """Take back what these events had the last word on; what others said of it before must be absorbed again."""
    events = [*events]
    orders = {order_key(event) for event in events}
    changes: dict[str, Any] = {
        name: None
        for name in (*_SAID, "enterprise")
        if (said := getattr(registers, name)) is not None and said.order in orders
    }
    if registers.death_reported in orders:
        changes["death_reported"] = None
    if registers.death_learned in {event.received_at for event in events}:
        changes["death_learned"] = None
    if registers.first in {event.occurred_at for event in events}:
        changes["first"] = None
    return structs.replace(registers, **changes) if changes else registers


def alike(one: Registers | None, other: Registers) -> bool:
    """Whether both tell the same of a person, said sooner or later. With others of theirs they may not."""
    if one is None or one.death_reported != other.death_reported or one.death_learned != other.death_learned:
        return False
    for name in _SAID:
        old, new = getattr(one, name), getattr(other, name)
        if old is not new and (old is None or new is None or old.value != new.value):
            return False
    return True


def says_again(event: AdtEvent, last: AdtEvent) -> bool:
    """Whether the event says of a person what the one before it in event order said: then both need not be absorbed."""
    return (
        event.occurred_at > last.occurred_at
        and event.received_at >= last.received_at
        and event.enterprise is None
        and event.person == last.person
    )


def combine(*several: Registers) -> Registers:
    """Put together what was said under several identifiers of one person."""
    if len(several) == 1:
        return several[0]
    merged: dict[str, Any] = {}
    for name in (*_SAID, "enterprise"):
        said = [one for registers in several if (one := getattr(registers, name)) is not None]
        if said:
            merged[name] = max(said, key=lambda one: one.order)
    for name in ("death_reported", "death_learned", "first"):
        said = [one for registers in several if (one := getattr(registers, name)) is not None]
        if said:
            merged[name] = min(said)
    return Registers(**merged)


def person(registers: Registers) -> dict[str, Any]:
    """The person's fields of `schemas.encounters.Patient`, but for the identifiers."""
    fields: dict[str, Any] = {
        name: register.value
        for name in ("name", "birth_date", "sex", "language", "primary_care_provider")
        if (register := getattr(registers, name)) is not None
    }
    if registers.telecom is not None:
        fields["telecom"] = _telecom(registers.telecom.value or ())
    if registers.caregivers is not None:
        fields["caregivers"] = tuple(
            Caregiver(
                name=kin.name,
                relationship=kin.relationship,
                telecom=_telecom(kin.telecom),
                language=kin.language,
            )
            for kin in registers.caregivers.value or ()
        )
    if (
        registers.dead is not None
        and registers.dead.value
        and registers.death_learned
        and registers.death_reported
    ):
        stated = registers.death_at.value if registers.death_at else None
        fields["death"] = Death(at=stated or registers.death_reported[0], learned_at=registers.death_learned)
    return fields


def _telecom(phones: tuple[Phone, ...]) -> tuple[Telecom, ...]:
    return tuple(Telecom(number=one.number, use=one.use, equipment=one.equipment) for one in phones)
