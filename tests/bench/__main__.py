"""Run the benchmarks: `python -m tests.bench [NAME]`. One JSON line each on stdout, everything else on stderr."""

import argparse
import contextlib
import json
import sys
import traceback
from importlib import import_module
from importlib.util import find_spec

NAMES = (
    "parse", "pipeline", "deadline_burst", "deadline_moves", "replay", "simulate", "mllp", "worklist", "growth",
)  # fmt: skip


def landed() -> list[str]:
    """The benchmarks that exist in this version."""
    return [name for name in NAMES if find_spec(f"tests.bench.{name}") is not None]


def measure(name: str) -> bool:
    """Run one benchmark and print its line; False when it could not be run to its end."""
    print(f"bench: {name}", file=sys.stderr, flush=True)
    with contextlib.redirect_stdout(sys.stderr):
        try:
            figures = import_module(f"tests.bench.{name}").run()
        except Exception as error:
            traceback.print_exc()
            print(f"bench: {name} failed: {error}", file=sys.stderr, flush=True)
            return False
    print(json.dumps(figures), flush=True)
    return True


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench",
        description="Measure Baton against named baselines in the same run; one JSON line each.",
    )
    parser.add_argument("name", nargs="?", help=f"one of {', '.join(NAMES)}; all that exist when left out")
    name = parser.parse_args().name
    if name is not None and name not in NAMES:
        print(f"bench: there is no benchmark {name!r}; known are {', '.join(NAMES)}.", file=sys.stderr)
        return 2
    there = landed()
    if name is not None and name not in there:
        print(f"bench: {name} has not landed yet; there are {', '.join(there)}.", file=sys.stderr)
        return 2
    done = [measure(each) for each in ([name] if name else there)]
    return 0 if all(done) else 1


if __name__ == "__main__":
    sys.exit(main())
