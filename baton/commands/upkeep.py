"""Commands that put things right again: migrate, republish, rewind, refold, and the schemas of the messages."""

import argparse
import asyncio
import sys
from typing import TYPE_CHECKING

from baton.commands import add, group, instant, json_flag
from baton.trouble import Misuse, Trouble

if TYPE_CHECKING:
    from baton.commands import Tree


def register(tree: "Tree") -> None:
    add(
        tree, "migrate", _migrate, "bring the database schema up to date",
        more="Safe to run twice and from several machines at once. It goes forward only.",
        problem="the database cannot be reached, or is newer than this program",
    )  # fmt: skip
    topics = add(
        tree, "topics", _topics, "create the Kafka topics that are missing, and tell how they all are",
        more="Safe to repeat. A topic that exists is never changed: what falls short of schemas/topics.py (and\n"
        "deploy/topics.yaml, which is written from it) is named, for whoever runs Kafka to mend. More partitions or\n"
        "a longer retention than planned are fine.",
        problem="a topic is missing or falls short of the plan, or Kafka cannot be reached",
    )  # fmt: skip
    topics.add_argument("--check", action="store_true", help="create nothing, only tell")
    republish = add(
        tree, "republish", _republish, "publish again what the state tables hold",
        more="Visits, episodes, deadlines and alerts go to Kafka once more; consumers ignore what they know.",
    )  # fmt: skip
    republish.add_argument(
        "--since", type=instant, metavar="TIME", help="only what was learned since then (default: everything)"
    )
    add(
        tree, "rewind", _rewind, "after a restore: have what the database does not hold read again",
        more="For a database that was restored from a backup, with every process stopped. It sets the consumer groups\n"
        "of adt.inbound and care.actions back to where the database stands, and has everything published again,\n"
        "with revisions above all that were published before. Safe to repeat.",
        problem="a process still runs, or a server cannot be reached",
    )  # fmt: skip
    refold = add(
        tree, "refold", _refold,
        "apply stored messages again: after an upgrade that understands more of them, or a corrected feed profile",
        more="Without --feed what was understood of the messages is folded again. With --feed the raw messages of that feed\n"
        "that are still kept are read again by its profile as it is now, and what they say replaces what they said. A message\n"
        "that would be refused now, or whose bytes are pruned, stays as it is understood; what was refused before is for\n"
        "`baton dlq retry`.\n\n"
        "Safe beside the running services, and safe to repeat: visits that come out as they were keep their revision. What\n"
        "turns out to have been due long ago is missed and told: `baton pause notifications` first, where --dry-run says that\n"
        "much would be another.",
        problem="no such feed has sent anything, or the database cannot be reached",
    )  # fmt: skip
    refold.add_argument(
        "--feed", metavar="NAME", help="read the raw messages of this feed again (default: none)"
    )
    refold.add_argument(
        "--dry-run", action="store_true",
        help="with --feed: change nothing; tell how many messages would say something else, and in which fields",
    )  # fmt: skip
    json_flag(refold)
    schemas = group(tree, "schemas", "the schemas of the messages on Kafka, and their AsyncAPI document")
    add(
        schemas, "export", _export, "write the JSON Schemas and the AsyncAPI document",
        more="They go to schemas/jsonschema/ and schemas/asyncapi.yaml of this installation.",
    )  # fmt: skip
    add(
        schemas, "check", _check, "fail where models, committed schemas, AsyncAPI document and examples differ",
        more="Fails too where today's messages do not fit those of a released version (schemas/released/): what it\n"
        "wrote must be readable, and who still reads as it did must be able to.",
        problem="they differ: one sentence for each difference",
    )  # fmt: skip
    add(
        schemas, "release", _release, "keep today's schemas and examples as those of this version",
        more="They go to schemas/released/VERSION/, to be committed with the release. Safe to repeat.",
        problem="the check fails, or this version was released with other schemas",
    )  # fmt: skip


def _migrate(_: argparse.Namespace) -> int:
    from baton.upkeep import migrate

    return asyncio.run(migrate())


def _topics(args: argparse.Namespace) -> int:
    from baton.topics import topics

    return asyncio.run(topics(create=not args.check))


def _republish(args: argparse.Namespace) -> int:
    from baton.upkeep import republish

    return asyncio.run(republish(args.since))


def _rewind(_: argparse.Namespace) -> int:
    from baton.rewind import rewind

    return asyncio.run(rewind())


def _refold(args: argparse.Namespace) -> int:
    from baton import reread, upkeep

    if args.feed is not None:
        return asyncio.run(reread.refold(args.feed, dry_run=args.dry_run, as_json=args.json))
    if args.dry_run:
        raise Misuse(
            "--dry-run needs --feed NAME: it tells what a feed's raw messages would say by its profile."
        )
    return asyncio.run(upkeep.refold(as_json=args.json))


def _export(_: argparse.Namespace) -> int:
    from schemas import export

    changed = export.export()
    for name in changed:
        print(f"schemas/{name}")
    if not changed:
        _say("Everything was up to date.")
    return 0


def _check(_: argparse.Namespace) -> int:
    from schemas import export

    try:
        problems = export.check()
    except ModuleNotFoundError as error:
        raise Trouble(f"The check needs the package {error.name}: make setup.") from None
    for problem in problems:
        _say(problem)
    return 1 if problems else 0


def _release(args: argparse.Namespace) -> int:
    from schemas import export, released

    if _check(args):
        return 1
    try:
        written = released.release(export.FOLDER)
    except released.AlreadyReleased as error:
        raise Trouble(str(error)) from None
    for name in written:
        print(f"schemas/{name}")
    if not written:
        _say("It is released already, just so.")
    return 0


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr)
