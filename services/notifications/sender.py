"""Sends what is to be said, one loop a channel: claimed, checked against the alert as it stands, sent, noted.

A message is sent at least once, under one key. A channel of a later turn claims what the channels before it have not
delivered in time, or have failed to deliver. Whoever claims a notice holds it for longer than a send may take; if
that sender is killed, another takes the notice over when the time is up, and says it again. One that is told to stop
ends what it has begun first.
"""

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from uuid import UUID

from services.chassis import clock, metrics
from services.chassis.loops import Signal, run_forever, to_the_end
from services.chassis.postgres import Db, transaction
from services.chassis.service import Service
from services.notifications import store
from services.notifications.channels import Answer, Message, Sends
from services.notifications.domain.model import Alert
from services.notifications.domain.notices import (
    FAILURES,
    MAYBE,
    OPEN,
    RESOLVE,
    knows_after,
    knows_after_some,
    pause,
    reason_to_send,
)
from services.notifications.domain.text import text

# Beyond the time a send may take: for writing down the answer.
GRACE = 30.0
REST = 1.0
# So long a sender that is told to stop waits for answers: less than a shutdown may take, see services.chassis.service.
FAREWELL = 5.0
FOR_EVER = 1000
"""So many failures mean the longest pause."""

OUTCOMES = ("delivered", "partial", "failed")
SENT = metrics.declare(
    "baton_notice_sent_total", "counter", "Messages sent, by channel and outcome.", ["channel", "outcome"]
)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message this sender holds, and what the channel knew before it."""

    attempt: int
    message: Message
    notice: store.Notice


class Sender:
    """The sender of one channel; any number may run."""

    def __init__(
        self, channel: Sends, app_url: str, *, label: str = "", at_once: int = 8, longest: float = 300.0,
        farewell: float = FAREWELL,
    ) -> None:  # fmt: skip
        """Put `label` before every message; send at most `at_once` at a time.

        After failures it pauses for at most `longest` seconds; told to stop it waits for answers for at most `farewell`.
        """
        self._channel = channel
        self._app_url = app_url
        self._label = f"{label} " if label else ""
        self._at_once = at_once
        self._longest = longest
        self._farewell = farewell
        self._signal = Signal()

    def wake(self) -> None:
        """There may be something to say."""
        self._signal.set()

    async def run(self, service: Service) -> None:
        """Send until cancelled; what is claimed by then is sent, and its answer noted."""
        for outcome in OUTCOMES:
            service.registry.counter(SENT).labels(self._channel.name, outcome)
        try:
            await run_forever(
                f"send {self._channel.name}", partial(self._whole, service), service.progress,
                every=REST, signal=self._signal, retry_max=5, limit=self._channel.timeout + 2 * GRACE,
                registry=service.registry,
            )  # fmt: skip
        finally:
            await self._channel.close()

    async def _whole(self, service: Service) -> float | None:
        return await to_the_end(self.once(service), self._farewell)

    async def once(self, service: Service) -> float | None:
        """Send what is due; 0 if there may be more."""
        async with transaction(service.pool) as db:
            claimed, seen = await self._claim(db, await clock.now(db))
        await asyncio.gather(*(self._deliver(service, one) for one in claimed))
        return 0 if seen == self._at_once else None

    async def _claim(self, db: Db, now: datetime) -> tuple[list[Claimed], int]:
        """Take due notices, and find out what there is to say about each at this moment."""
        name = self._channel.name
        notices = await store.claim_notices(db, name, self._at_once, FAILURES)
        if not notices:
            return [], 0
        # Read after the notices are held: an alert that has ended meanwhile is seen to have ended.
        alerts = await store.alerts_by_id(db, [notice.alert_id for notice in notices])
        drafts: list[store.Draft] = []
        silent = []
        for notice in notices:
            alert = alerts.get(notice.alert_id)
            reason = reason_to_send(alert, notice.told, notice.heard_of, covered=notice.covered)
            if alert is None or reason is None:
                silent.append(notice.alert_id)
            else:
                said = self._label + text(alert, self._app_url, now)
                drafts.append(store.Draft(notice.alert_id, reason, alert.told_of, said))
        if silent:
            await store.fall_silent(db, name, silent)
        return await self._begin(db, drafts, notices, alerts), len(notices)

    async def _begin(
        self,
        db: Db,
        drafts: Sequence[store.Draft],
        notices: Sequence[store.Notice],
        alerts: Mapping[UUID, Alert],
    ) -> list[Claimed]:
        if not drafts:
            return []
        channel = self._channel
        begun = await store.begin_attempts(db, channel.name, channel.host, drafts, channel.timeout + GRACE)
        known = {notice.alert_id: notice for notice in notices}
        return [_claimed(draft, begun[draft.alert_id], known[draft.alert_id], alerts) for draft in drafts]

    async def _deliver(self, service: Service, claimed: Claimed) -> None:
        answer = await self._channel.send(claimed.message)
        outcome = "delivered" if answer.delivered else "partial" if answer.took else "failed"
        service.registry.counter(SENT).labels(self._channel.name, outcome).inc()
        async with transaction(service.pool) as db:
            await self._note(db, claimed, answer)

    async def _note(self, db: Db, claimed: Claimed, answer: Answer) -> None:
        message, notice, attempt = claimed.message, claimed.notice, claimed.attempt
        # Whoever refuses for good has never heard of the alert, and need not hear of its end.
        ended = message.reason == RESOLVE and answer.final and answer.took
        if answer.delivered or ended:
            told = knows_after(message.reason)
            await store.attempt_delivered(db, attempt, answer.word, answer.took, told, message.alert.told_of)
            return
        told = notice.told if not answer.arrived or notice.told == OPEN else MAYBE
        if answer.took:
            told = knows_after_some(message.reason, told)
        tries = FOR_EVER if answer.final else notice.failures
        wait = max(answer.wait, pause(tries, self._longest, random.random()))
        failures = max(notice.failures + 1, FAILURES if answer.final else 0)
        await store.attempt_failed(db, attempt, answer.word, answer.took, told, failures, wait)


def _claimed(
    draft: store.Draft, begun: store.Begun, notice: store.Notice, alerts: Mapping[UUID, Alert]
) -> Claimed:
    first = draft.revision if begun.first is None else begun.first
    message = Message(
        key=f"{draft.alert_id}:{draft.revision}",
        reason=draft.reason,
        alert=alerts[draft.alert_id],
        said=draft.said,
        wall=notice.wall,
        first=f"{draft.alert_id}:{first}",
        took=begun.took,
    )
    return Claimed(begun.attempt, message, notice)
