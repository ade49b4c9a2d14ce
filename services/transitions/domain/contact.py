"""Conversations and tries after a discharge: what satisfies, what was an attempt, what does not count."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from services.transitions.domain.model import Deed
from services.transitions.domain.protocol import ContactRule


def reached_at(rule: ContactRule, contacts: Iterable[Deed]) -> datetime | None:
    """The first conversation that satisfies. A refusal is one where the rule says so: they have talked."""
    for contact in contacts:
        if contact.outcome not in rule.outcomes or contact.channel not in rule.channels:
            continue
        if contact.clinician or not rule.clinician:
            return contact.occurred_at
    return None


def asked(rule: ContactRule, contacts: Sequence[Deed]) -> Deed | None:
    """The first call that asked for a clinician and was not followed by one, else the last that asked. Contacts by time."""
    asking = [contact for contact in contacts if contact.callback or contact.red_flag]
    open_ = (deed for deed in asking if reached_at(rule, after(contacts, deed)) is None)
    return next(open_, asking[-1] if asking else None)


def after(contacts: Sequence[Deed], deed: Deed) -> Sequence[Deed]:
    """The contacts behind this one. Contacts by time."""
    return contacts[[contact.action_id for contact in contacts].index(deed.action_id) + 1 :]


def tries(rule: ContactRule, contacts: Iterable[Deed]) -> list[datetime]:
    return [contact.occurred_at for contact in contacts if contact.outcome not in rule.no_attempt]


def tried_enough(rule: ContactRule, tried: Iterable[datetime], due: datetime, gap: timedelta) -> bool:
    """Two or more separate timely attempts keep the service reportable (CMS on CPT 99495).

    Redialling at once is one attempt: they are separate when `gap` lies between them.
    """
    separate, last = 0, None
    for at in tried:
        if at < due and (last is None or at - last >= gap):
            separate, last = separate + 1, at
    return 0 < rule.attempts <= separate
