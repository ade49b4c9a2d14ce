"""The sub-commands: each module adds its own to the tree and imports what they need when they run."""

import argparse
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    Tree: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001  (argparse gives it no other name)

Handler = Callable[[argparse.Namespace], int]

EXIT_CODES = "Exit codes: 0 done; 1 {problem}; 2 used wrongly."


def add(
    tree: "Tree",
    name: str,
    run: Handler,
    about: str,
    *,
    problem: str = "ran and found a problem",
    more: str = "",
) -> argparse.ArgumentParser:
    """Add one command; `about` is its line in the list, `more` what its own help says besides."""
    summary = about[0].upper() + about[1:]
    parser = tree.add_parser(
        name,
        help=about,
        description=f"{summary}.\n\n{more}".rstrip(),
        epilog=EXIT_CODES.format(problem=problem),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    return parser


def group(tree: "Tree", name: str, about: str) -> "Tree":
    """Add a command that has commands of its own."""
    summary = about[0].upper() + about[1:]
    parser = tree.add_parser(
        name,
        help=about,
        description=f"{summary}.",
        epilog=EXIT_CODES.format(problem="ran and found a problem"),
    )
    return parser.add_subparsers(title="commands", metavar="COMMAND", required=True)


def instant(text: str) -> datetime:
    """Read an ISO 8601 time, which must carry its offset from UTC."""
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no ISO 8601 time, such as 2026-01-12T10:00:00-05:00"
        ) from None
    if value.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text!r} lacks its offset from UTC, such as -05:00 or Z")
    return value


def json_flag(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON document (default: plain text)")
