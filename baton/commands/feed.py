"""Commands that put messages and actions into the system, and one that only reads them: send, act, normalize."""

import argparse
import asyncio
from typing import TYPE_CHECKING

from baton.commands import add, instant

if TYPE_CHECKING:
    from baton.commands import Tree

FILES = "a file, or - for stdin"
SEPARATION = (
    "A file may hold many messages: an MSH at the start of a line begins one; where a message contains CR,\n"
    "only CR ends its segments, else LF does; MLLP framing bytes are dropped."
)
CONFIRMED = (
    "On the embedded stack it waits until Postgres holds what was sent, because the broker forgets it\n"
    "when it ends; on Apache Kafka it waits for the broker's acknowledgement."
)


def register(tree: "Tree") -> None:
    send = add(
        tree, "send", _send, "send HL7 v2 messages into a running system",
        more=f"{SEPARATION}\n\n{CONFIRMED}",
        problem="a message was refused, or the system cannot be reached",
    )  # fmt: skip
    _files(send)
    send.add_argument(
        "--to",
        default="kafka",
        metavar="WHERE",
        help="kafka (default), or mllp://HOST:PORT of an MLLP listener",
    )
    send.add_argument("--feed", metavar="NAME", help="name the feed in the record's header (default: none)")
    send.add_argument(
        "--at", type=instant, metavar="TIME",
        help="the time the records carry as their arrival (default: the system's clock)",
    )  # fmt: skip
    act = add(
        tree, "act", _act, "send coordinator actions, JSON lines",
        more='A line is {"at": TIME, "action": {"type": …, "visit": …}}; without "at" it counts from now.\n'
        f"A wrong line is named and left out, the others are sent.\n\n{CONFIRMED}",
        problem="a line was wrong, or the system cannot be reached",
    )  # fmt: skip
    _files(act)
    normalize = add(
        tree, "normalize", _normalize, "turn HL7 v2 messages into canonical events, one JSON line each",
        more=f'Needs nothing running. A bad message gives {{"error": {{"code": …}}}} in its place.\n\n{SEPARATION}',
        problem="with --strict: a message was bad",
    )  # fmt: skip
    _files(normalize)
    normalize.add_argument(
        "--strict", action="store_true", help="exit with 1 if a message was bad (default: 0)"
    )
    normalize.add_argument(
        "--feed", metavar="NAME", help="read with this feed's profile (default: by its match)"
    )


def _files(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", metavar="FILE", help=FILES)


def _send(args: argparse.Namespace) -> int:
    from baton.sending import send

    return asyncio.run(send(args.files, to=args.to, feed=args.feed, at=args.at))


def _act(args: argparse.Namespace) -> int:
    from baton.acting import act

    return asyncio.run(act(args.files))


def _normalize(args: argparse.Namespace) -> int:
    from baton.normalize import normalize

    return normalize(args.files, feed=args.feed, strict=args.strict)
