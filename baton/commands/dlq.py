"""Commands for what was refused: dlq list, show, retry, discard."""

import argparse
import asyncio
from typing import TYPE_CHECKING

from baton.commands import add, group, instant, json_flag
from baton.trouble import Misuse

if TYPE_CHECKING:
    from baton.commands import Tree
    from baton.dlq import Asked

TOPICS = ("adt.rejected", "care.rejected")
STATUSES = ("open", "retried", "discarded")
ID = "the id of a refusal, or how it begins, as `baton dlq list` shows it"


def register(tree: "Tree") -> None:
    dlq = group(tree, "dlq", "look at and deal with refused messages and actions")
    listing = add(
        dlq, "list", _list, "list what was refused: a summary by feed and code, then each, newest first",
        more="No value of any message is shown: code, segment and field say what is wrong, topic, partition and\n"
        "offset where it was read.",
        problem="the system cannot be reached",
    )  # fmt: skip
    _filters(listing)
    listing.add_argument(
        "--status", choices=(*STATUSES, "all"), default="open",
        help="open (default): nobody has dealt with it; retried; discarded; all",
    )  # fmt: skip
    listing.add_argument(
        "--limit", type=_count, default=50, metavar="N", help="list so many at most (default: 50)"
    )
    json_flag(listing)
    show = add(
        dlq, "show", _show, "show one refusal",
        more="With --values the message as it was sent, which holds patient data: who looked, when and at which is\n"
        "kept in baton.patient_data_view, and nothing is shown where that cannot be kept. With --json the bytes\n"
        "come besides as message_base64.",
        problem="there is no such refusal, or the system cannot be reached",
    )  # fmt: skip
    show.add_argument("id", metavar="ID", help=ID)
    show.add_argument("--values", action="store_true", help="show the message itself (default: never)")
    _by(show)
    json_flag(show)
    _register_retry(dlq)
    discard = add(
        dlq, "discard", _discard, "mark refusals as never to be read; nothing is deleted",
        more="The reason is kept and shown: it may not hold any patient's value.",
        problem="one was dealt with before and stays so, there is no such refusal, or the system cannot be reached",
    )  # fmt: skip
    discard.add_argument("ids", nargs="+", metavar="ID", help=ID)
    discard.add_argument("--reason", required=True, metavar="TEXT", help="why; no patient's value in it")
    _by(discard)


def _register_retry(dlq: "Tree") -> None:
    retry = add(
        dlq, "retry", _retry, "send refused records again, once what was wrong is mended",
        more="Their bytes, key and feed header are as they were, so the profile that matches today reads them; they\n"
        "count as arrived now. A row is marked retried when the broker has the record. What is refused again is a\n"
        "new open refusal that names the old one; what is accepted leaves the row retried. Interrupted between\n"
        "sending and marking, up to 100 stay open that were sent: sending them twice is harmless, the same message\n"
        "is the same event. --dry-run tells of each what it would become under the configuration here.",
        problem="--dry-run: one would be refused again; there is no such refusal; the system cannot be reached",
    )  # fmt: skip
    retry.add_argument("ids", nargs="*", metavar="ID", help=f"{ID}; one that was dealt with before too")
    _filters(retry)
    retry.add_argument("--all", action="store_true", help="every open refusal")
    retry.add_argument("--dry-run", action="store_true", help="send nothing: tell what each would become")
    retry.add_argument(
        "--file", metavar="PATH",
        help="for one ID: send the bytes of this file (- for stdin), corrected by hand, in place of the original, which stays in the row",
    )  # fmt: skip
    _by(retry)


def _filters(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--topic", choices=TOPICS, help="refused messages or refused actions (default: both)")
    parser.add_argument("--code", metavar="CODE", help="only those refused with this code")
    parser.add_argument("--feed", metavar="FEED", help="only those of this feed")
    parser.add_argument(
        "--since", type=instant, metavar="TIME", help="only those that reached us then or later"
    )


def _by(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--by", metavar="NAME", help="who does it (default: the user of this machine)")


def _count(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not 0 < int(text) <= 1_000_000:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to 1000000")
    return int(text)


def _asked(args: argparse.Namespace, status: str | None) -> "Asked":
    from baton.dlq import Asked

    return Asked(args.topic, args.code, args.feed, args.since, status)


def _list(args: argparse.Namespace) -> int:
    from baton.dlq import show_list

    asked = _asked(args, None if args.status == "all" else args.status)
    return asyncio.run(show_list(asked, args.limit, as_json=args.json))


def _show(args: argparse.Namespace) -> int:
    from baton.dlq import show

    return asyncio.run(show(args.id, values=args.values, by=args.by, as_json=args.json))


def _retry(args: argparse.Namespace) -> int:
    filtered = args.all or any((args.topic, args.code, args.feed, args.since))
    if bool(args.ids) == bool(filtered):
        raise Misuse("Which? Give ids, or --all, --topic, --code, --feed or --since; not both.")
    from baton.dlq_retry import retry

    asked = None if args.ids else _asked(args, "open")
    return asyncio.run(retry(args.ids, asked, file=args.file, by=args.by, dry_run=args.dry_run))


def _discard(args: argparse.Namespace) -> int:
    from baton.dlq import discard

    return asyncio.run(discard(args.ids, args.reason, args.by))
