"""Table 0003: what each ADT trigger event says, in the words of the canonical event."""

from types import MappingProxyType
from typing import Final

IGNORED: Final = "ignored"

TYPES: Final = MappingProxyType(
    {
        "A01": "admitted",
        "A02": "transferred",
        "A03": "discharged",
        "A04": "registered",
        "A05": "preadmitted",
        "A06": "class_changed",
        "A07": "class_changed",
        "A08": "updated",
        "A09": IGNORED,  # departing, tracking
        "A10": IGNORED,  # arriving, tracking
        "A11": "admit_cancelled",
        "A12": "transfer_cancelled",
        "A13": "discharge_cancelled",
        "A14": "preadmitted",  # pending admit
        "A15": IGNORED,  # pending transfer
        "A16": IGNORED,  # pending discharge
        "A17": "transferred",  # swap: two patients, two visits
        "A18": "patient_merged",  # withdrawn in 2.7
        "A20": IGNORED,  # bed status
        "A21": "leave_started",
        "A22": "leave_ended",
        "A23": "admit_cancelled",  # delete a patient record
        "A24": "linked",
        "A25": IGNORED,  # cancel pending discharge
        "A26": IGNORED,  # cancel pending transfer
        "A27": "preadmit_cancelled",
        "A28": IGNORED,  # add person
        "A29": IGNORED,  # delete person
        "A30": "patient_merged",  # withdrawn in 2.7, as A34 to A36
        "A31": "updated",
        "A32": IGNORED,  # cancel arriving
        "A33": IGNORED,  # cancel departing
        "A34": "patient_merged",
        "A35": "account_merged",
        "A36": "patient_merged",
        "A37": "unlinked",
        "A38": "preadmit_cancelled",
        "A40": "patient_merged",
        "A41": "account_merged",
        "A42": "visit_merged",
        "A43": "patient_moved",
        "A44": "patient_moved",
        "A45": "visit_moved",
        "A46": "identifier_changed",
        "A47": "identifier_changed",
        "A48": "identifier_changed",
        "A49": "identifier_changed",
        "A50": "identifier_changed",
        "A51": "identifier_changed",
        "A52": "leave_ended",  # cancel leave
        "A53": "leave_started",  # cancel return from leave
        "A54": "updated",  # attending
        "A55": "updated",
        "A60": IGNORED,  # allergies
        "A61": IGNORED,  # consulting doctor
        "A62": IGNORED,
    }
)
"""Trigger event to type of the canonical event."""

TYPE_WORDS: Final = frozenset(TYPES.values())

NEEDS_NO_PATIENT: Final = frozenset({"A20"})

LINKS: Final = frozenset({"A24", "A37"})
"""Two PID segments in one message, of two patients declared one, or two again."""

GROUPED: Final = frozenset(
    {"A17", "A40", "A41", "A42", "A43", "A44", "A45", "A46", "A47", "A48", "A49", "A50", "A51"}
    | {"A18", "A30", "A34", "A35", "A36"}
)
"""Events whose structure may repeat the group that begins with PID; each group is an event of its own."""

MAY_NULL: Final = frozenset({"A01", "A03", "A08", "A13"})
"""Events whose explicit null may empty PV1-2, PV1-36, PV1-45, PID-29 and PID-30."""

OCCURRED: Final = MappingProxyType(
    {
        "A01": ("admit", "stated"),
        "A04": ("admit", "stated"),
        # PV1-44 of an A06 may still hold the arrival in the emergency department.
        "A06": ("stated", "admit"),
        "A03": ("discharge", "stated"),
    }
)
"""Where the event time stands, best first, before EVN-2 and MSH-7; for all others in EVN-6 (`stated`)."""
