"""Commands for feed profiles: feeds check, try."""

import argparse
from typing import TYPE_CHECKING

from baton.commands import add, group, json_flag
from baton.commands.feed import FILES, SEPARATION

if TYPE_CHECKING:
    from baton.commands import Tree


def register(tree: "Tree") -> None:
    feeds = group(tree, "feeds", "see what a feed profile would do before it does")
    check = add(
        feeds, "check", _check, "check feed profiles: what is wrong, in which file, line and key",
        more="Without PATH the shipped profiles and those in feeds/ of BATON_CONFIG_DIR; with PATH these files or folders,\n"
        "beside the others. Two profiles that ask for the same records are wrong as well. Nothing is changed.",
        problem="a profile is wrong",
    )  # fmt: skip
    check.add_argument("paths", nargs="*", metavar="PATH", help="a profile, or a folder of profiles")
    json_flag(check)
    trial = add(
        feeds, "try", _try, "tell what each message of some files would become under a feed profile",
        more="Of each message: trigger and effect, the identifier chosen, the times in the feed's zone, the disposition and\n"
        "what it was taken for, flags, or why it would be refused. Then counts, the local words that the profile does\n"
        "not explain, and how much differs from reading with `default`. Needs nothing running, and changes nothing.\n"
        "No patient's value is shown, and a local word that could be one is masked, unless --show-patient is given.\n\n"
        f"{SEPARATION}",
        problem="the profile is wrong; with --strict: a message would be refused",
    )  # fmt: skip
    trial.add_argument("profile", metavar="PROFILE", help="a profile's file, or the name of a feed")
    trial.add_argument("files", nargs="+", metavar="FILE", help=FILES)
    trial.add_argument("--summary", action="store_true", help="only the summary (default: each message too)")
    trial.add_argument(
        "--strict", action="store_true", help="exit with 1 if a message would be refused (default: 0)"
    )
    trial.add_argument(
        "--show-patient", action="store_true",
        help="show patient, visit and control numbers, and local words as sent (default: never)",
    )  # fmt: skip
    json_flag(trial)


def _check(args: argparse.Namespace) -> int:
    from baton.feeds_check import check

    return check(args.paths, as_json=args.json)


def _try(args: argparse.Namespace) -> int:
    from baton.feeds_try import Wanted, attempt

    wanted = Wanted(
        summary=args.summary, strict=args.strict, show_patient=args.show_patient, as_json=args.json
    )
    return attempt(args.profile, args.files, wanted)
