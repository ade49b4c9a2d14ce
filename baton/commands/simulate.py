"""The command that makes up a hospital: simulate."""

import argparse
from datetime import timedelta
from typing import TYPE_CHECKING

from baton.commands import add, instant
from baton.trouble import Misuse

if TYPE_CHECKING:
    from baton.commands import Tree

FROM = "2026-01-05T00:00:00-05:00"
DAYS = 7.0
MORE = """\
Needs nothing running. Everything in it is invented. The same options give the same bytes.
Messages come in order of arrival, segments ended by CR and messages by LF besides, as `baton normalize` and
`baton send` read them. The feed begins before --from, with what brought those who are inside then; what
was written before --until may arrive after it. RATE is a share from 0 to 1.

--truth FILE tells, in JSON lines, of every message in order of arrival its id (MSH-10), its number in true
order, trigger, visit, written_at (MSH-7), arrived_at and what was done to it (duplicate, out_of_order, late);
then of every visit what really happened, as far as it was written: patient, survivor of merges, state, class,
times, disposition, unit, transfers, diagnoses, readmission (of which visit, and whether unplanned, planned,
continued under another number or an emergency_visit), and when the patient died. docs/simulate.md says more."""
RATES = {
    "readmissions": (0.15, "back within 30 days, of those who leave for home or nursing"),
    "cancels": (0.0, "entered by mistake and taken back, of the visits: A11, A12, A13, A38"),
    "merges": (0.0, "registered under a second patient number and merged later, of the visits: A40"),
    "late_entries": (
        0.0,
        "entered up to hours after they happened, of the transfers and conversions: A02, A06",
    ),
    "duplicates": (0.0, "arrive twice, of the messages"),
    "disorder": (0.0, "arrive after a later one of their visit, of the messages"),
    "lateness": (0.0, "arrive minutes to days after they were written, of the messages"),
}


def register(tree: "Tree") -> None:
    simulate = add(
        tree, "simulate", _simulate, "write a realistic, seeded ADT feed to stdout",
        more=MORE, problem="the feed cannot be written to its end",
    )  # fmt: skip
    option = simulate.add_argument
    option("--seed", type=int, default=1, metavar="N", help="which hospital to make up (default: 1)")
    option("--beds", type=int, default=200, metavar="N", help="its beds, 10 to 5000 (default: 200)")
    option(
        "--facility", default="GENHOSP", metavar="NAME", help="its name in MSH-4 and PV1-3 (default: GENHOSP)"
    )
    option(
        "--zone", default="America/New_York", metavar="ZONE", help="its time zone (default: America/New_York)"
    )
    option(
        "--from",
        dest="start",
        type=instant,
        default=FROM,
        metavar="TIME",
        help=f"begin at TIME (default: {FROM})",
    )
    option("--until", type=instant, metavar="TIME", help=f"end before TIME (default: {DAYS:g} days later)")
    option("--days", type=float, metavar="N", help="end after N days instead")
    for name, (default, about) in RATES.items():
        option(
            f"--{name.replace('_', '-')}",
            type=float,
            default=default,
            metavar="RATE",
            help=f"{about} (default: {default:g})",
        )
    option(
        "--updates",
        type=float,
        default=0.7,
        metavar="N",
        help="A08 that say nothing new, for each event (default: 0.7)",
    )
    option("--output", metavar="FILE", help="write to FILE (default: stdout)")
    option("--truth", metavar="FILE", help="write what really happened to FILE (default: nowhere)")
    option(
        "--scenario", action="store_true",
        help="write JSON lines as `baton replay` reads them, with the time of arrival (default: HL7)",
    )  # fmt: skip


def _simulate(args: argparse.Namespace) -> int:
    from pathlib import Path

    from baton.simulate import Hospital, HospitalError
    from baton.simulate.run import Order, run

    if args.until and args.days is not None:
        raise Misuse("--until and --days both say when to end; give one of them.")
    days = DAYS if args.days is None else args.days
    if not 0 < days <= 36_500:
        raise Misuse(f"--days is {days:g}; it may be more than 0, up to 36500.")
    if not all(1970 <= time.year <= 2200 for time in (args.start, args.until) if time):
        raise Misuse("--from and --until may lie in the years 1970 to 2200; name a time within.")
    names = ("seed", "beds", "facility", "zone", "updates", *RATES)
    try:
        hospital = Hospital(**{name: getattr(args, name) for name in names})
    except HospitalError as error:
        raise Misuse(f"--{error}") from None
    return run(
        hospital,
        Order(
            start=args.start,
            until=args.until or args.start + timedelta(days=days),
            output=Path(args.output) if args.output else None,
            truth=Path(args.truth) if args.truth else None,
            scenario=args.scenario,
        ),
    )
