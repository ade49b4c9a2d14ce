"""`baton run PROCESS`: one process of Baton, with settings from the environment or from a `baton up` nearby."""

import os
from importlib import import_module
from typing import get_type_hints

from baton import addresses
from baton.trouble import Misuse
from services.chassis import service
from services.chassis.settings import SettingsError, load

APPS = {
    "admissions": "services.admissions.app:build",
    "mllp": "services.admissions.mllp.app:build",
    "transitions": "services.transitions.app:build",
    "deadlines": "services.transitions.app:build_deadlines",
    "notifications": "services.notifications.app:build",
    "worklist": "services.worklist.app:build",
    "auditor": "services.auditor.app:build",
}


def run(process: str) -> int:
    """Run until told to stop; ends with 2 where the settings are wrong, with 1 where it could not work."""
    if not (os.environ.get("DATABASE_URL") or os.environ.get("KAFKA_BOOTSTRAP_SERVERS")):
        nearby = addresses.find_running()
        os.environ.update(nearby.environment() if nearby else {})
    addresses.refuse_demo_settings(embedded=os.environ.get("BATON_EMBEDDED") == "true")
    module, _, function = APPS[process].partition(":")
    build = getattr(import_module(module), function)
    try:
        settings = load(get_type_hints(build)["settings"])
        built = build(settings)
    except SettingsError as error:
        raise Misuse(str(error)) from None
    service.main(built)
    return 0
