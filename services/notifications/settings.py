"""What an operator can set for notifications, beside what every process knows."""

from pydantic import Field

from services.chassis.settings import ServiceSettings, SettingsError
from services.notifications.contacts import Contacts, ContactsError, load_contacts


class Settings(ServiceSettings):
    """`contacts.yaml` in the configuration folder is read once, at start."""

    send_at_once: int = Field(
        default=8, ge=1, le=100, description="the most messages one channel is sent at a time"
    )
    send_retry_max: float = Field(
        default=300.0,
        gt=0,
        le=3600,
        description="the longest pause before a message is sent again, in seconds",
    )

    def contacts(self) -> Contacts:
        """Who is told of what; raises SettingsError with one sentence where that cannot be known."""
        try:
            return load_contacts(self.config_dir)
        except ContactsError as error:
            problem = str(error)
        raise SettingsError([problem])
