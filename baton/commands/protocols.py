"""Commands for protocols of care: protocols check."""

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


def _check(args: argparse.Namespace) -> int:
    from baton.protocols_check import check

    return check(args.paths, as_json=args.json)
