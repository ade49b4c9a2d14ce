"""The command that computes a second time what should have been alerted: audit run."""

import argparse
import asyncio
from typing import TYPE_CHECKING

from baton.commands import add, group, instant, json_flag

if TYPE_CHECKING:
    from baton.commands import Tree

MORE = """\
Every alert is computed again, from the raw messages and the actions that are kept, by code that shares nothing with
the services but the schemas and the code lists. It only reads. What differs is told in one sentence each, by case,
without patient values; that is an error of the system or of the audit, and either way one to report.

Left out, and counted: patients whose raw messages are no longer all kept, those of whom something arrived in the last
ten minutes or after --until, and those whose feed or protocol the audit does not follow."""


def register(tree: "Tree") -> None:
    audit = group(tree, "audit", "compare what was alerted with what should have been")
    run = add(
        audit,
        "run",
        _run,
        "run the audit",
        more=MORE,
        problem="something differs, or the database cannot be reached",
    )
    run.add_argument(
        "--since", type=instant, metavar="TIME", help="only alerts raised at or after TIME (default: all)"
    )
    run.add_argument(
        "--until", type=instant, metavar="TIME", help="only alerts raised by TIME (default: ten minutes ago)"
    )
    json_flag(run)


def _run(args: argparse.Namespace) -> int:
    from baton.audit import run

    return asyncio.run(run(args.since, args.until, as_json=args.json))
