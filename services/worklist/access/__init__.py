"""Signing in to the worklist, and the audit of what is seen and done there.

A handler takes `current_user` or `require(...)` as a dependency, and says whose data it shows or changes with
`record_view` or `record_action`; an answer without is withheld.
"""

from services.worklist.access.audit import Action
from services.worklist.access.caller import (
    Caller,
    NotAllowed,
    NotRecorded,
    caller_of,
    csrf_token,
    current_user,
    record_action,
    record_view,
    refuse,
    require,
    without_patients,
)
from services.worklist.access.door import Access
from services.worklist.access.roles import HIDDEN_REASON, Permission, Role, User, reasons_shown
from services.worklist.access.settings import AccessSettings

__all__ = [
    "HIDDEN_REASON",
    "Access",
    "AccessSettings",
    "Action",
    "Caller",
    "NotAllowed",
    "NotRecorded",
    "Permission",
    "Role",
    "User",
    "caller_of",
    "csrf_token",
    "current_user",
    "reasons_shown",
    "record_action",
    "record_view",
    "refuse",
    "require",
    "without_patients",
]
