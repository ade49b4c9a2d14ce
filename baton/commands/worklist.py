"""Commands for the worklist: worklist link, rebuild."""

import argparse
import asyncio
from typing import TYPE_CHECKING

from baton.commands import add, group

if TYPE_CHECKING:
    from baton.commands import Tree


def register(tree: "Tree") -> None:
    worklist = group(tree, "worklist", "the coordinators' page")
    link = add(
        worklist, "link", _link, "print an address that opens the worklist once, without a password",
        more="Good for ten minutes and one browser, and on the embedded servers of `baton up` only: anywhere else people\n"
        "sign in with a password or a provider (docs/run-it.md).",
        problem="no worklist runs here",
    )  # fmt: skip
    link.add_argument("--name", default="demo", metavar="NAME", help="who that is (default: demo)")
    link.add_argument(
        "--role", action="append", default=[], metavar="ROLE",
        help="coordinator, supervisor, operator, sensitive or wall; may be repeated (default: the first three)",
    )  # fmt: skip
    link.add_argument(
        "--team", action="append", default=[], metavar="TEAM",
        help="a team the list begins with; may be repeated (default: none)",
    )  # fmt: skip
    add(
        worklist, "rebuild", _rebuild, "make the worklist's read model anew, while people work on it",
        more="Visits, cases, deadlines and alerts are published again by their owners; when the worklist has applied them,\n"
        "what nobody told of is swept. The list is never empty meanwhile, and nothing that people took or entered is\n"
        "lost. For a read model that was lost or is doubted. Safe to repeat.",
        problem="the worklist does not follow, or a server cannot be reached",
    )  # fmt: skip


def _rebuild(_: argparse.Namespace) -> int:
    from baton.worklist_rebuild import rebuild

    return asyncio.run(rebuild())


def _link(args: argparse.Namespace) -> int:
    from baton.worklist_link import link

    return asyncio.run(link(args.name, args.role, args.team))
