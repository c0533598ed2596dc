"""``python -m benchmarks.fuzz --files 100000 --seed 1``: broken workflow files, and nothing but diagnostics.

Each file is one of the repository's, broken in ways that its number and the seed decide. It has to be read, checked and
drawn without an exception, within a second of processor time and 512 MB. What does not hold is saved, with its number:
``--only NUMBER`` does that one again. Exit code 1: something did not hold.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from types import FrameType

from tests.mutations import check_bytes, mutated, originals

MOST_SECONDS = 1.0
MOST_BYTES = 512 * 1024 * 1024
_HANGS_S = 60
_CHUNK = 250
_SLOWEST_KEPT = 5


class HangError(Exception):
    """One file took far too long."""


@dataclass
class Outcome:
    """What became of some files. ``slowest`` and ``largest`` are (figure, number), ``failures`` (number, why)."""

    files: int = 0
    clean: int = 0
    codes: set[str] = field(default_factory=set)
    slowest: list[tuple[float, int]] = field(default_factory=list)
    largest: list[tuple[int, int]] = field(default_factory=list)
    failures: list[tuple[int, str]] = field(default_factory=list)

    def add(self, other: Outcome) -> None:
        self.files += other.files
        self.clean += other.clean
        self.codes |= other.codes
        self.failures += other.failures
        self.slowest = sorted([*self.slowest, *other.slowest], reverse=True)[:_SLOWEST_KEPT]
        self.largest = sorted([*self.largest, *other.largest], reverse=True)[:_SLOWEST_KEPT]


def file_of(texts: Sequence[str], seed: int, number: int) -> bytes:
    """The file of that number."""
    return mutated(texts, Random(f"{seed}:{number}"))


def _peak_bytes() -> int:
    """Most memory since :func:`_reset_peak`; since the start where the system cannot say it better."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def _reset_peak() -> None:
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def _hangs(number: int, frame: FrameType | None) -> None:
    raise HangError(f"took more than {_HANGS_S} s")


def judge(data: bytes, path: Path, number: int) -> Outcome:
    """Check one file."""
    outcome = Outcome(files=1)
    _reset_peak()
    before = _peak_bytes()
    began = time.process_time()
    signal.alarm(_HANGS_S)
    try:
        found = check_bytes(data, path)
        outcome.clean = not found
        outcome.codes = {problem.code for problem in found}
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        outcome.failures.append((number, traceback.format_exc(limit=-12)))
    finally:
        signal.alarm(0)
    outcome.slowest = [(time.process_time() - began, number)]
    outcome.largest = [(_peak_bytes() - before, number)]
    if outcome.slowest[0][0] > MOST_SECONDS:
        outcome.failures.append((number, f"took {outcome.slowest[0][0]:.2f} s"))
    if outcome.largest[0][0] > MOST_BYTES:
        outcome.failures.append((number, f"took {outcome.largest[0][0] >> 20} MB"))
    return outcome


_TEXTS: list[str] = []


def _prepare() -> None:
    """Once in each process: the files, a limit that protects the machine, and a first check, which imports."""
    _TEXTS.extend(originals())
    resource.setrlimit(resource.RLIMIT_AS, (4 * MOST_BYTES, 4 * MOST_BYTES))
    signal.signal(signal.SIGALRM, _hangs)
    with tempfile.TemporaryDirectory() as folder:
        for text in _TEXTS[::10]:
            judge(text.encode(), Path(folder) / "f.yaml", -1)


def _chunk(job: tuple[int, int, int]) -> Outcome:
    seed, first, last = job
    total = Outcome()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(first, last):
            total.add(judge(file_of(_TEXTS, seed, number), Path(folder) / "f.yaml", number))
    return total


def run(files: int, seed: int, processes: int, first: int = 0) -> Iterator[Outcome]:
    """Check so many files, a part at a time."""
    jobs = [(seed, start, min(start + _CHUNK, first + files)) for start in range(first, first + files, _CHUNK)]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, _prepare) as pool:
        for finished in as_completed([pool.submit(_chunk, job) for job in jobs]):
            yield finished.result()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first file")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--only", type=int, help="number of one file, which is then printed")
    parser.add_argument("--save", type=Path, default=Path(".cache/fuzz"), help="folder for what did not hold")
    options = parser.parse_args()
    if options.only is not None:
        return _only(options.seed, options.only)
    total = Outcome()
    began = time.monotonic()
    for outcome in run(options.files, options.seed, options.processes, options.first):
        _save(outcome, options.seed, options.save)
        total.add(outcome)
        if sys.stderr.isatty():
            print(f"\r{total.files} files, {len(total.failures)} failures", end="", file=sys.stderr, flush=True)
    print(f"{total.files} files of seed {options.seed} in {time.monotonic() - began:.0f} s")
    print(f"nothing to say of {total.clean}; {len(total.codes)} codes: {' '.join(sorted(total.codes))}")
    print("slowest: " + ", ".join(f"{seconds * 1000:.0f} ms (#{number})" for seconds, number in total.slowest))
    print("most memory: " + ", ".join(f"{size / 2**20:.1f} MB (#{number})" for size, number in total.largest))
    for number, why in total.failures[:20]:
        print(f"#{number}: {why}")
    print(f"{len(total.failures)} did not hold" + (f"; see {options.save}" if total.failures else ""))
    return 1 if total.failures else 0


def _only(seed: int, number: int) -> int:
    _prepare()
    data = file_of(_TEXTS, seed, number)
    sys.stdout.buffer.write(data if len(data) < 10_000 else data[:10_000] + b" ...")
    with tempfile.TemporaryDirectory() as folder:
        outcome = judge(data, Path(folder) / "f.yaml", number)
    print(f"\n{len(data)} bytes, {outcome.slowest[0][0] * 1000:.0f} ms, {outcome.largest[0][0] / 2**20:.1f} MB")
    print("\n".join(why for _, why in outcome.failures) or " ".join(sorted(outcome.codes)))
    return 1 if outcome.failures else 0


def _save(outcome: Outcome, seed: int, folder: Path) -> None:
    texts = originals() if outcome.failures else []
    for number, why in outcome.failures:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{seed}-{number}.yaml").write_bytes(file_of(texts, seed, number))
        (folder / f"{seed}-{number}.txt").write_text(why)


if __name__ == "__main__":
    sys.exit(main())
