"""Notifications: who is told of what was missed, until it is done.

Reads care.transitions; writes care.alerts; sends signed webhooks and mail to the contacts of contacts.yaml.
"""

from schemas import topics
from schemas.alerts import AlertStatus
from services.chassis.counting import Count
from services.chassis.service import Service, Subscription
from services.notifications import publish
from services.notifications.channels import Sends
from services.notifications.channels.email import Email
from services.notifications.channels.webhook import Webhook
from services.notifications.consumer import ALERTS, Door
from services.notifications.contacts import Contacts
from services.notifications.held import Held
from services.notifications.kinds import Channel, EmailChannel
from services.notifications.sender import Sender
from services.notifications.settings import Settings
from services.notifications.store import SQL
from services.notifications.watch import Watch, reachable


def reach(channel: Channel, contacts: Contacts) -> Sends:
    """The way to send over a channel."""
    return Email(channel, contacts) if isinstance(channel, EmailChannel) else Webhook(channel, contacts)


def build(settings: Settings) -> Service:
    """Put the service together; raises SettingsError where the contacts are wrong."""
    contacts = settings.contacts()
    senders = [
        Sender(
            reach(channel, contacts),
            contacts.app_url,
            label=contacts.label,
            at_once=settings.send_at_once,
            longest=settings.send_retry_max,
        )
        for channel in contacts.channels.values()
    ]

    def tell() -> None:
        for sender in senders:
            sender.wake()

    door = Door(contacts, tell)
    return Service(
        "notifications",
        settings,
        subscriptions=[Subscription([topics.CARE_TRANSITIONS], door.on_transitions, door.refuse)],
        outlets=[publish.outlet()],
        loops=[
            Held(contacts, tell, settings.patience).run,
            Watch(contacts).run,
            Count(ALERTS, SQL["count_alerts"], AlertStatus).run,
            *(one.run for one in senders),
        ],
        checks={"channels": reachable},
    )
