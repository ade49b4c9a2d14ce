"""`python -m tests.fuzz [SECONDS] [--seed N]`: try inputs for so long, and say how many; 1 where one broke something.

Each input has a seed of its own, printed where it breaks: `--seed N --one TARGET` tries that one again.
"""

import argparse
import os
import random
import signal
import sys
import time
import traceback
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

from tests.fuzz.targets import TARGETS

SLICE = 5.0
SHARES = ("read", "read", "fold", "numbers", "frame", "act")
"""The reader gets twice its share: it meets what nobody has thought of."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("seconds", nargs="?", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**40))
    parser.add_argument("--one", choices=TARGETS, help="try this target once, with exactly this seed")
    given = parser.parse_args()
    if given.one:
        TARGETS[given.one](random.Random(given.seed))
        print(f"fuzz: {given.one} with {given.seed} is as it should be")
        return 0
    return _run(given.seconds, given.seed)


def _run(seconds: float, seed: int) -> int:
    print(f"fuzz: {seconds:.0f} s from seed {seed} in {os.cpu_count()} processes", flush=True)
    tried: Counter[str] = Counter()
    broken: list[str] = []
    until, told, slices = time.monotonic() + seconds, time.monotonic(), 0
    with ProcessPoolExecutor() as pool:
        while not broken and (left := until - time.monotonic()) > 0:
            starts = range(slices, slices + (os.cpu_count() or 1))
            slices = starts.stop
            for counts, found in pool.map(_slice, ((seed + n * 1_000_003, min(SLICE, left)) for n in starts)):
                tried += counts
                broken += found
            if time.monotonic() - told > 30:
                told = time.monotonic()
                print(f"fuzz: {tried.total()} inputs so far", flush=True)
    each = ", ".join(f"{name} {count}" for name, count in sorted(tried.items()))
    print(f"fuzz: {tried.total()} inputs ({each}), {len(broken)} broke something", flush=True)
    print("\n".join(broken), end="", file=sys.stderr)
    return 1 if broken else 0


def _in_time(name: str, seed: int) -> None:
    """An input that keeps its process busy for a minute would keep it so for ever."""
    signal.signal(signal.SIGALRM, _stuck)
    signal.alarm(60)
    try:
        TARGETS[name](random.Random(seed))
    finally:
        signal.alarm(0)


def _stuck(*_: object) -> None:
    raise TimeoutError("it goes on for ever")


def _slice(given: tuple[int, float]) -> tuple[Counter[str], list[str]]:
    seed, seconds = given
    tried: Counter[str] = Counter()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for name in SHARES:
            seed += 1
            tried[name] += 1
            try:
                _in_time(name, seed)
            except Exception:
                return tried, [f"fuzz: --seed {seed} --one {name}\n{traceback.format_exc()}"]
    return tried, []


if __name__ == "__main__":
    sys.exit(main())
