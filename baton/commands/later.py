"""Commands that are promised and have not landed yet: each says so and ends with 2."""

import argparse
from typing import TYPE_CHECKING

from baton.commands import add, group
from baton.trouble import Misuse

if TYPE_CHECKING:
    from baton.commands import Tree


def register(tree: "Tree") -> None:
    for name, about in (
        ("pause", "hold notifications for a planned downtime"),
        ("resume", "end a pause early"),
    ):
        _later(group(tree, name, f"{about} (not yet)"), "notifications", f"baton {name} notifications", about)
    oncall = group(tree, "oncall", "test how people are reached (not yet)")
    _later(oncall, "test", "baton oncall test", "send a test page over every configured channel")


def _later(tree: "Tree", name: str, whole: str, about: str) -> None:
    parser = add(tree, name, say, f"{about} (not yet)", more="This command has not landed yet.")
    parser.set_defaults(whole=whole)


def say(args: argparse.Namespace) -> int:
    """Tell that the command has not landed, whatever else was on its line."""
    raise Misuse(f"`{args.whole}` has not landed yet; it comes with a later release.")
