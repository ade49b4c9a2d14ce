"""Who may do what: the roles, their permissions, and the person who has them. All of it is data, and all of it is here."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What somebody works as; a person may have several, and may do what any of them may."""

    COORDINATOR = "coordinator"
    SUPERVISOR = "supervisor"
    OPERATOR = "operator"
    SENSITIVE = "sensitive"
    WALL = "wall"


class Permission(StrEnum):
    """What may be seen or done.

    SEE_PATIENTS    the list and a patient's page: names, phones, times, diagnoses, who did what
    SEE_SENSITIVE   reasons that name substance use or serious mental illness; without it they read HIDDEN_REASON. And that a
                    stay is one under 42 CFR Part 2, with its unit and service
    ACT             log calls, handoffs, visits and the like; take and release; withdraw what one entered oneself
    WAIVE           say that something need not be done after all
    WITHDRAW_ANY    withdraw what somebody else entered
    RELEASE_ANY     release what somebody else has taken
    EXPORT          take a list out of the application
    SEE_BOARD       the wall view: case ids, times and units, no patient's name
    SEE_OPERATIONS  feeds, lag, rejections and counts: nothing of any patient
    """

    SEE_PATIENTS = "see_patients"
    SEE_SENSITIVE = "see_sensitive"
    ACT = "act"
    WAIVE = "waive"
    WITHDRAW_ANY = "withdraw_any"
    RELEASE_ANY = "release_any"
    EXPORT = "export"
    SEE_BOARD = "see_board"
    SEE_OPERATIONS = "see_operations"


HIDDEN_REASON = "clinical criteria met"
"""What a reason that may not be seen reads as."""

PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.COORDINATOR: frozenset({Permission.SEE_PATIENTS, Permission.ACT, Permission.SEE_BOARD}),
    # A waiver ends what a patient is owed with nothing done, and silences its alert: it wants a second person.
    Role.SUPERVISOR: frozenset(Permission) - {Permission.SEE_SENSITIVE},
    # Runs the system: minimum necessary is none of any patient (45 CFR 164.502(b)).
    Role.OPERATOR: frozenset({Permission.SEE_OPERATIONS}),
    # Given to few, beside another role: 42 CFR Part 2 and state law ask for a reason to see these.
    Role.SENSITIVE: frozenset({Permission.SEE_SENSITIVE}),
    # A screen in the hall, which nobody touches.
    Role.WALL: frozenset({Permission.SEE_BOARD}),
}


def reasons_shown(user: "User", reasons: Sequence[str], sensitive: Collection[str]) -> list[str]:
    """Reasons as this person may read them: those that are sensitive become one HIDDEN_REASON."""
    if user.may(Permission.SEE_SENSITIVE):
        return list(reasons)
    return list(dict.fromkeys(HIDDEN_REASON if each in sensitive else each for each in reasons))


@dataclass(frozen=True, slots=True)
class User:
    """A person who has signed in.

    subject  who it is for ever, for the audit: `file:rn1`, `link:demo`, or issuer and `sub` of an OIDC provider
    name     how colleagues know them; the `by` of their actions
    teams    what their list begins with; no team keeps anybody from any patient in this form
    """

    subject: str
    name: str
    roles: frozenset[Role]
    teams: tuple[str, ...] = ()

    def may(self, permission: Permission | str) -> bool:
        """Whether any of the roles has the permission."""
        return any(permission in PERMISSIONS[role] for role in self.roles)

    @property
    def is_wall(self) -> bool:
        """Whether this is a screen: it shows by itself, and so nobody has left it."""
        return self.roles == {Role.WALL}
