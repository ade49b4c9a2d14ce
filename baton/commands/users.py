"""Commands for who may sign in to the worklist: users hash, check."""

import argparse
from typing import TYPE_CHECKING

from baton.commands import add, group

if TYPE_CHECKING:
    from baton.commands import Tree


def register(tree: "Tree") -> None:
    users = group(tree, "users", "who may sign in to the worklist: users.yaml")
    add(
        users, "hash", _hash, "hash a password for users.yaml",
        more="The password is asked for twice on a terminal, else it is the first line of stdin: never an argument, which\n"
        "the shell keeps and everybody on the machine can read. Needs nothing running.",
        problem="the password is too short or too long, or was mistyped",
    )  # fmt: skip
    check = add(
        users, "check", _check, "check users.yaml: what is wrong, in which line; or whether a password fits",
        more="The users.yaml of BATON_CONFIG_DIR. With NAME it asks for a password, as `hash` does, and tells whether it is\n"
        "the one of that user. Needs nothing running, and changes nothing.",
        problem="something is wrong in it, or the password does not fit",
    )  # fmt: skip
    check.add_argument("name", nargs="?", metavar="NAME", help="the user whose password is to be compared")


def _hash(_: argparse.Namespace) -> int:
    from baton.users import print_hash

    return print_hash()


def _check(args: argparse.Namespace) -> int:
    from baton.users import check

    return check(args.name)
