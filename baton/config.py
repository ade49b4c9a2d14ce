"""Configuration files for commands that need no server: the same settings, and addresses that nobody is asked at."""

import os
from typing import TypeVar

from pydantic_settings import BaseSettings

from baton.trouble import Misuse
from services.chassis.settings import SettingsError, load

S = TypeVar("S", bound=BaseSettings)
NOWHERE = {"DATABASE_URL": "postgresql://nowhere", "KAFKA_BOOTSTRAP_SERVERS": "nowhere:9092"}


def settings(cls: type[S]) -> S:
    """Read a service's settings from the environment; what is wrong with them is one sentence each."""
    missing = {name: address for name, address in NOWHERE.items() if not os.environ.get(name)}
    os.environ.update(missing)
    try:
        return load(cls)
    except SettingsError as error:
        raise Misuse(str(error)) from None
    finally:
        for name in missing:
            del os.environ[name]
