"""What a replay reads of the configuration: the same files as the services, and no address of any server."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from baton.trouble import Misuse
from services.admissions.consumer import Inbound
from services.admissions.settings import Settings as AdmissionsSettings
from services.transitions.planner import Rules
from services.transitions.settings import Settings as TransitionsSettings

# Nobody is asked at these addresses: they only make the settings whole, which say where the files are.
NOWHERE: dict[str, Any] = {"database_url": "postgresql://nowhere", "kafka_bootstrap_servers": "nowhere:9092"}


@dataclass(frozen=True, slots=True)
class Config:
    """The reader of messages and the rules of planning."""

    inbound: Inbound
    rules: Rules


def load(protocol: str | None = None, folder: Path | None = None) -> Config:
    """Read feeds, facilities and protocol from `folder` or BATON_CONFIG_DIR; `protocol` goes before BATON_PROTOCOL."""
    said: dict[str, Any] = dict(NOWHERE)
    if folder is not None:
        said["config_dir"] = folder
    try:
        inbound = Inbound(AdmissionsSettings(**said))
        if protocol is not None:
            said["protocol"] = protocol
        return Config(inbound, TransitionsSettings(**said).rules())
    except ValidationError as error:
        raise Misuse(f"A setting is wrong: {error.errors(include_url=False)[0]['msg']}.") from None
    except ValueError as error:
        raise Misuse(str(error)) from None
