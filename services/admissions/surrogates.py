"""Surrogates that need not be asked for again: once given and committed, none ever changes."""

from collections.abc import Collection, Mapping
from itertools import islice
from typing import Any
from uuid import UUID

from services.admissions import store
from services.admissions.domain.model import PatientKey
from services.admissions.people import SetGrewError
from services.admissions.store import RootKey
from services.chassis.postgres import Db

MOST = 50_000
"""Identifiers, and visit numbers, that a process remembers; whoever is in hospital today is among them."""

Root = tuple[UUID, str | None]
"""The surrogate of a visit number, and the account it was first told under."""


class Surrogates:
    """The surrogates of identifiers and visit numbers; those a transaction has made count from its commit on."""

    def __init__(self, committed: "Surrogates | None" = None) -> None:
        self._committed = committed
        self.patients: dict[PatientKey, UUID] = {}
        self.roots: dict[RootKey, Root] = {}

    def begin(self) -> "Surrogates":
        """For one transaction."""
        return Surrogates(self)

    def committed(self, found: "Surrogates") -> None:
        """Remember what a transaction has found."""
        self.patients |= found.patients
        self.roots |= found.roots
        _forget_oldest(self.patients)
        _forget_oldest(self.roots)

    def forget(self) -> None:
        """Ask again: Postgres may be another than before."""
        self.patients.clear()
        self.roots.clear()

    async def find(
        self, db: Db, patients: Collection[PatientKey], roots: Mapping[RootKey, str | None]
    ) -> None:
        """Have the surrogates of all these, made where there are none; visit numbers with the account of new ones."""
        if self._committed is not None:
            known = self._committed
            self.patients = {key: known.patients[key] for key in patients if key in known.patients}
            self.roots = {key: known.roots[key] for key in roots if key in known.roots}
        if unknown := [key for key in patients if key not in self.patients]:
            self.patients |= await store.resolve_patients(db, unknown)
        if new := {key: account for key, account in roots.items() if key not in self.roots}:
            self.roots |= await store.resolve_roots(db, new)
        if len(self.patients) < len(patients) or len(self.roots) < len(roots):
            # Another transaction is just making one: it will be there when we look again.
            raise SetGrewError(set())


def _forget_oldest(kept: dict[Any, Any]) -> None:
    for oldest in list(islice(kept, max(0, len(kept) - MOST))):
        del kept[oldest]
