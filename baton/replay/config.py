"""What a replay reads of the configuration: the same files as the services, and no address of any server."""

from dataclasses import dataclass

from baton.config import settings
from baton.trouble import Misuse
from services.admissions.consumer import Inbound
from services.admissions.settings import Settings as AdmissionsSettings
from services.chassis.settings import SettingsError
from services.transitions.planner import Rules
from services.transitions.settings import Settings as TransitionsSettings


@dataclass(frozen=True, slots=True)
class Config:
    """The reader of messages and the rules of planning."""

    inbound: Inbound
    rules: Rules


def load(protocol: str | None = None) -> Config:
    """Read feeds, facilities and protocol as the services do; `protocol` goes before BATON_PROTOCOL."""
    planning = settings(TransitionsSettings)
    if protocol is not None:
        planning = planning.model_copy(update={"protocol": protocol})
    try:
        return Config(Inbound(settings(AdmissionsSettings)), planning.rules())
    except SettingsError as error:
        raise Misuse(str(error)) from None
