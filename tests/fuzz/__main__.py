"""Throw damaged inputs at every reader of files, and fail on a traceback, a hang, a crash or more than 2 GB.

python tests/fuzz                          # 2,000 inputs for each reader
python tests/fuzz --seconds 90 --jobs 2   # as many of them as fit into so many seconds
python tests/fuzz --reader pairs --only 17 # one of them once more; the file stays
"""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from fuzz_readers import READERS
from fuzz_runner import Limits, Outcome, damaged, read_one, run_reader, workplace

_SHOWN = 5


def main() -> int:
    """Run the command; 1 where a reader failed."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--reader", choices=READERS, action="append", help="only this one; may be repeated")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--inputs", type=int, default=2000, help="for each reader")
    options.add_argument("--seconds", type=float, help="in all, shared out among the readers")
    options.add_argument("--jobs", type=int, default=2)
    options.add_argument("--only", type=int, help="the number of one input, with --reader")
    given = options.parse_args()
    readers = given.reader or list(READERS)
    if given.only is not None:
        return _again(readers[0], given.seed, given.only)
    until = float("inf") if given.seconds is None else time.monotonic() + given.seconds
    waiting = list(readers)

    def run(reader: str) -> Outcome:
        # What is left is shared out among the readers that are still to come.
        now = time.monotonic()
        share = (until - now) * given.jobs / len(waiting)
        waiting.pop()
        return _run(reader, Limits(given.seed, given.inputs, min(now + share, until)))

    with ThreadPoolExecutor(given.jobs) as pool:
        outcomes = list(pool.map(run, readers))
    failed = sum(len(outcome.failures) for outcome in outcomes)
    print(f"{sum(outcome.inputs for outcome in outcomes):,} inputs, {failed} failures")
    return 1 if failed else 0


def _run(reader: str, limits: Limits) -> Outcome:
    start = time.monotonic()
    outcome = run_reader(reader, limits)
    lines = [
        f"{reader:<15} {outcome.inputs:>6} inputs, {outcome.refused:>6} refused, {len(outcome.failures)} failures, "
        f"{time.monotonic() - start:.0f} s"
    ]
    for number, text in outcome.failures[:_SHOWN]:
        lines += [f"  --reader {reader} --seed {limits.seed} --only {number}", f"    {text.strip()}"]
    if len(outcome.failures) > _SHOWN:
        lines.append(f"  ... and {len(outcome.failures) - _SHOWN} more")
    print("\n".join(lines), flush=True)
    return outcome


def _again(reader: str, seed: int, number: int) -> int:
    with workplace(reader) as (folder, seeds):
        name, data = damaged(seeds, reader, seed, number)
        copy = Path(f"fuzz-{reader}-{seed}-{number}-{name}")
        copy.write_bytes(data)
        result = read_one(reader, folder, name, data)
    print(f"{copy}: {result}")
    return 0 if result in ("read", "refused") else 1


if __name__ == "__main__":
    sys.exit(main())
