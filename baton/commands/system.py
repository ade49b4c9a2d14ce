"""Commands for the running system: up, run, status, clock."""

import argparse
import asyncio
from typing import TYPE_CHECKING

from baton.commands import add, instant, json_flag
from baton.ports import RUNNABLE
from baton.trouble import Misuse

if TYPE_CHECKING:
    from baton.commands import Tree


def register(tree: "Tree") -> None:
    up = add(
        tree, "up", _up, "start every service on this machine, until Ctrl-C",
        more="Without DATABASE_URL and KAFKA_BOOTSTRAP_SERVERS it starts an embedded PostgreSQL, which keeps its\n"
        "data in $BATON_HOME/postgres, and an embedded Kafka-protocol broker, which keeps nothing across a\n"
        "restart. Every other command finds the system through $BATON_HOME/run.json. Logs are in\n"
        "$BATON_HOME/logs. BATON_HTTP_PORT names the first of the ports HTTP is served on (default: free ones).\n"
        "An interrupt or a terminate signal ends everything within 20 s.",
        problem="something could not be started",
    )  # fmt: skip
    up.add_argument(
        "--embedded", action="store_true", help="use the embedded servers whatever the environment says"
    )
    up.add_argument(
        "--clock", type=instant, metavar="TIME",
        help="start under the controlled clock at TIME (embedded or test database only; default: real time)",
    )  # fmt: skip
    run = add(
        tree, "run", _run, "run one process: what a container runs",
        more=f"PROCESS is one of {', '.join(RUNNABLE)}. Settings come from the environment, and\n"
        "the addresses, where it does not name them, from $BATON_HOME/run.json.",
        problem="the process ended by an error",
    )  # fmt: skip
    run.add_argument("process", metavar="PROCESS", help="which process to run")
    status = add(
        tree, "status", _status, "show what the running system holds",
        problem="a service is not ready, or the system cannot be reached",
    )  # fmt: skip
    json_flag(status)
    clock = add(
        tree, "clock", _clock, "move the controlled clock forward",
        more="It goes in steps: whatever falls due on the way happens at its own time, and the clock waits until\n"
        "everything is read, published and fired before the next step.",
        problem="the system did not come to rest in time",
    )  # fmt: skip
    clock.add_argument(
        "time", type=instant, metavar="TIME", help="the instant to go to, ISO 8601 with offset"
    )
    clock.add_argument(
        "--timeout", type=float, default=120.0, metavar="SECONDS",
        help="how long a step may take in real seconds (default: 120)",
    )  # fmt: skip


def _up(args: argparse.Namespace) -> int:
    from baton.up import Options, up

    return asyncio.run(up(Options(embedded=args.embedded, clock=args.clock)))


def _run(args: argparse.Namespace) -> int:
    if args.process not in RUNNABLE:
        raise Misuse(f"There is no process {args.process}; there are {', '.join(RUNNABLE)}.")
    from baton.run import run

    return run(args.process)


def _status(args: argparse.Namespace) -> int:
    from baton.status import status

    return asyncio.run(status(as_json=args.json))


def _clock(args: argparse.Namespace) -> int:
    from baton.clockwork import move

    return asyncio.run(move(args.time, args.timeout))
