"""Commands that tell how things stand and came about: replay, outcome, why."""

import argparse
import asyncio
from typing import TYPE_CHECKING

from baton.commands import add, instant, json_flag

if TYPE_CHECKING:
    from baton.commands import Tree


def register(tree: "Tree") -> None:
    replay = add(
        tree, "replay", _replay, "run a scenario through the same domain code in virtual time and print the outcome",
        more='Needs nothing running. SCENARIO is JSON lines in any order, each with "at" and "adt" or "action".\n'
        "With --against it is a what-if: one history under two protocols, and what differs, counted: deadlines, misses,\n"
        "alerts, work and pages of a day. A year of a 400-bed hospital (`baton simulate --beds 400 --days 365 --scenario`)\n"
        "takes minutes, and tells on stderr how far it is.",
        problem="the scenario cannot be read",
    )  # fmt: skip
    replay.add_argument("scenario", metavar="SCENARIO", help="a file, or - for stdin")
    replay.add_argument(
        "--until", type=instant, required=True, metavar="TIME",
        help="the moment at which the story is read; what is due exactly then happens, lines after it are ignored",
    )  # fmt: skip
    replay.add_argument(
        "--protocol",
        metavar="NAME",
        help="plan with this protocol (default: $BATON_PROTOCOL, else the shipped one)",
    )
    replay.add_argument(
        "--against",
        metavar="NAME",
        help="instead, replay with this protocol too and count what would have differed",
    )
    json_flag(replay)
    outcome = add(tree, "outcome", _outcome, "print the outcome document of the running system")
    json_flag(outcome)
    why = add(
        tree, "why", _why, "tell the story of one case: messages, plan, due times, what was sent to whom",
        more="CASE is an episode's public id, as alerts show it: 6 to 12 of A-Z and 0-9.",
        problem="there is no such case, or the system cannot be reached",
    )  # fmt: skip
    why.add_argument("case", metavar="CASE", help="the episode's public id")
    why.add_argument("--show-patient", action="store_true", help="show patient values (default: never)")
    json_flag(why)


def _replay(args: argparse.Namespace) -> int:
    from baton.telling import replay

    if args.against is not None:
        from baton.whatif import compare

        return compare(
            args.scenario, args.until, protocol=args.protocol, against=args.against, as_json=args.json
        )
    return replay(args.scenario, args.until, as_json=args.json, protocol=args.protocol)


def _outcome(args: argparse.Namespace) -> int:
    from baton.telling import outcome

    return asyncio.run(outcome(as_json=args.json))


def _why(args: argparse.Namespace) -> int:
    from baton.why import why

    return asyncio.run(why(args.case, show_patient=args.show_patient, as_json=args.json))
