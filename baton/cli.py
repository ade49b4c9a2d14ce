"""The operator's command: the tree of sub-commands, and how each ends."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence

from baton.commands import (
    audit,
    census,
    dlq,
    feed,
    feeds,
    later,
    merges,
    protocols,
    simulate,
    story,
    system,
    upkeep,
    users,
    worklist,
)
from baton.trouble import Trouble

ABOUT = """\
Baton watches a hospital's ADT feed and makes sure that no discharged or transferred patient is forgotten.

Where the running system is: DATABASE_URL and KAFKA_BOOTSTRAP_SERVERS where both are set, else the
addresses that `baton up` wrote to $BATON_HOME/run.json (default: .baton/ in the working directory).
Data goes to stdout, everything else to stderr."""
EPILOG = """\
Exit codes: 0 done; 1 ran and found a problem; 2 used wrongly.
`baton COMMAND --help` says more."""


def parser() -> argparse.ArgumentParser:
    tree = argparse.ArgumentParser(
        prog="baton", description=ABOUT, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    tree.add_argument("--version", action="store_true", help="print the version and end")
    commands = tree.add_subparsers(title="commands", metavar="COMMAND")
    for module in (
        system,
        feed,
        feeds,
        census,
        story,
        dlq,
        merges,
        simulate,
        worklist,
        users,
        upkeep,
        audit,
        protocols,
        later,
    ):
        module.register(commands)
    return tree


def main(argv: Sequence[str] | None = None) -> int:
    tree = parser()
    args, rest = tree.parse_known_args(argv)
    if rest and getattr(args, "run", None) is not later.say:
        tree.error(f"what is {' '.join(rest)}?")
    if args.version:
        return _version()
    if not hasattr(args, "run"):
        tree.print_usage(sys.stderr)
        print("baton: which command? `baton --help` lists them.", file=sys.stderr)
        return 2
    try:
        code: int = args.run(args)
        sys.stdout.flush()
    except Trouble as trouble:
        print(f"baton: {trouble}", file=sys.stderr)
        return trouble.code
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except BrokenPipeError:
        # Whoever read us has had enough; keep Python from complaining once more at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    return code


def _version() -> int:
    from importlib.metadata import version

    print(f"baton {version('baton')}")
    return 0
