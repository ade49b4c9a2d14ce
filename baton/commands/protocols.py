"""Commands for protocols of care: protocols check, move."""

import argparse
from typing import TYPE_CHECKING

from baton.commands import add, group, json_flag

if TYPE_CHECKING:
    from baton.commands import Tree


def register(tree: "Tree") -> None:
    protocols = group(tree, "protocols", "see what a protocol would do before it does")
    check = add(
        protocols, "check", _check, "check protocol files: what is wrong or missing, in which file, line and key",
        more="Without PATH the shipped protocols and those in protocols/ of BATON_CONFIG_DIR, and whether the one that\n"
        "BATON_PROTOCOL names can be made of them; with PATH these files or folders. Contradictions end a start as\n"
        "well; holes (a destination that leads nowhere, a deadline that nobody owes, a complexity without a rule) are\n"
        "told only here. A layer is looked at over the protocol in force. Nothing is changed.",
        problem="a file is wrong, or something is missing in it",
    )  # fmt: skip
    check.add_argument("paths", nargs="*", metavar="PATH", help="a protocol file, or a folder of them")
    json_flag(check)

    move = add(
        protocols, "move", _move, "let the open cases of one protocol go on under another",
        more="A case keeps the version it was opened under. This enters the action `protocol_moved` for each visit that has\n"
        "an open case under FROM: what is owed is planned anew under TO, every due time says so, and the case's story\n"
        "tells who decided it. Both files must be there until it is done.",
        problem="a visit has no number, and its case stays where it is",
    )  # fmt: skip
    move.add_argument("old", metavar="FROM", help="the protocol that the cases keep, as `baton why` shows it")
    move.add_argument("new", metavar="TO", help="the protocol to move them to, as NAME@VERSION")
    move.add_argument("--by", required=True, help="who decides")
    move.add_argument("--reason", required=True, help="why; kept with the case")


def _check(args: argparse.Namespace) -> int:
    from baton.protocols_check import check

    return check(args.paths, as_json=args.json)


def _move(args: argparse.Namespace) -> int:
    import asyncio

    from baton.protocols_move import move

    return asyncio.run(move(args.old, args.new, by=args.by, reason=args.reason))
