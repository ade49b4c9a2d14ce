"""Commands for who is who: merges list, undo."""

import argparse
import asyncio
from typing import TYPE_CHECKING

from baton.commands import add, group, instant, json_flag

if TYPE_CHECKING:
    from baton.commands import Tree

STATUSES = ("standing", "refused", "undone", "all")


def register(tree: "Tree") -> None:
    merges = group(tree, "merges", "see which patients became one, and undo a merge that was wrong")
    listing = add(
        merges, "list", _list, "list merges, links and re-labels of patients, newest first",
        more="Refused ones changed nothing and wait for somebody: a circle (merge_cycle), a patient into itself\n"
        "(merge_into_itself), one that is merged already (already_retired), a number that somebody else has\n"
        "(identifier_in_use). Patients' numbers are shown with --show-patient, and that you saw them is kept.",
        problem="the system cannot be reached",
    )  # fmt: skip
    listing.add_argument("--status", choices=STATUSES, default="standing", help="which (default: standing)")
    listing.add_argument(
        "--since", type=instant, metavar="TIME", help="only those that reached us then or later"
    )
    listing.add_argument("--limit", type=int, default=50, metavar="N", help="so many at most (default: 50)")
    listing.add_argument(
        "--show-patient", action="store_true", help="with patients' numbers (default: never)"
    )
    _by(listing)
    json_flag(listing)
    undo = add(
        merges, "undo", _undo, "undo a merge, link or re-label: the patients are two again",
        more="Visits, cases and deadlines go back to whom their own messages name; the merge is kept, marked, and does\n"
        "not come back when its message is sent again or everything is folded anew. A merge that the hospital sends\n"
        "later counts. The reason is kept and shown: it may not hold any patient's value. Safe to repeat.",
        problem="there is no such merge, or the system cannot be reached",
    )  # fmt: skip
    undo.add_argument(
        "id", metavar="ID", help="the id of a merge, or how it begins, as `baton merges list` shows it"
    )
    undo.add_argument("--reason", required=True, metavar="TEXT", help="why; no patient's value in it")
    _by(undo)


def _by(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--by", metavar="NAME", help="who does it (default: the user of this machine)")


def _list(args: argparse.Namespace) -> int:
    from baton.merges import show

    return asyncio.run(
        show(
            args.since, args.status, max(0, args.limit),
            show_patient=args.show_patient, by=args.by, as_json=args.json,
        )
    )  # fmt: skip


def _undo(args: argparse.Namespace) -> int:
    from baton.merges import undo

    return asyncio.run(undo(args.id, args.reason, args.by))
