"""The command that tells who is in which bed, and whether the hospital's own list says the same: census."""

import argparse
import asyncio
from typing import TYPE_CHECKING

from baton.commands import add, json_flag

if TYPE_CHECKING:
    from baton.commands import Tree


def register(tree: "Tree") -> None:
    parser = add(
        tree, "census", _census, "tell how many are in which unit now, or who differs from the hospital's own list",
        more="By what the feeds have said: admitted visits, those on leave included. --compare takes a CSV file with a\n"
        "line of headings: `visit` (the number in PV1-19) and any of facility, unit, room, bed. Visit numbers are\n"
        "shown with --show-patient only; who looked, and when, is kept in baton.patient_data_view.",
        problem="the list and what we know differ, or the system cannot be reached",
    )  # fmt: skip
    parser.add_argument("--facility", metavar="NAME", help="only this facility (default: all)")
    parser.add_argument("--unit", metavar="NAME", help="only this unit (default: all)")
    parser.add_argument("--compare", metavar="FILE", help="the hospital's list, or - for stdin")
    parser.add_argument("--show-patient", action="store_true", help="show visit numbers (default: never)")
    parser.add_argument("--by", metavar="NAME", help="who asks (default: the user at this machine)")
    json_flag(parser)


def _census(args: argparse.Namespace) -> int:
    from baton.census import Asked, census

    return asyncio.run(
        census(Asked(args.facility, args.unit, args.compare, args.show_patient, args.by, args.json))
    )
