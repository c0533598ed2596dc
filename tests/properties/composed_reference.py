"""What nested workflows must do, by plain coroutines: slow, obvious, and without a line of the engine.

A block is asked, after everything that happens in it, of each of its steps whether it may start or is skipped;
whatever runs is a task, and what is stopped is cancelled. Tools take the time and fail as a script says, which is a
pure function of the call's key and of how often it was called.
"""

from __future__ import annotations

import asyncio
import json
import random
import zlib
from collections import Counter
from collections.abc import Collection, Iterator

import attrs

from ael.types import JsonValue

__all__ = [
    "Block",
    "Case",
    "Choose",
    "Leaf",
    "Loop",
    "Outcome",
    "Read",
    "Reference",
    "Rounds",
    "Step",
    "act",
]

DELAY = 0.75
NEVER = {"ITEMS_FAILED", "REPEAT_EXHAUSTED", "FATAL"}


@attrs.frozen
class Read:
    """A step that is read, and how: ``output``, ``default`` or ``status``."""

    name: str
    how: str


@attrs.frozen
class Leaf:
    """A tool, with what its params read."""

    reads: tuple[Read, ...] = ()


@attrs.frozen
class Block:
    """Steps; the output is the last one's, or what is read."""

    steps: tuple[Step, ...]
    output: Read | None = None


@attrs.frozen
class Choose:
    """Branches with their conditions: always, never, or that a step completed."""

    branches: tuple[tuple[bool | Read, Block], ...]


@attrs.frozen
class Loop:
    """``for_each`` over so many numbers."""

    size: int
    keyed: bool
    max_parallel: int | None
    tolerate: int


@attrs.frozen
class Rounds:
    """``repeat``; ``until`` is the number of the round in which it holds."""

    max: int
    until: int | None
    every: float
    collect: bool


@attrs.frozen
class Step:
    """One step. ``join`` is how many must complete, 0 for ``settled``; ``when`` as a branch's."""

    id: str
    body: Leaf | Block | Choose
    after: tuple[str, ...] = ()
    join: int | None = None
    cancel_rest: bool = False
    when: bool | Read = True
    for_each: Loop | None = None
    repeat: Rounds | None = None
    attempts: int = 1
    skips: bool = False
    fallback: bool = False
    undo: bool = False


@attrs.frozen
class Case:
    """A workflow, its ``finally`` steps, and the seed of what its tools do."""

    steps: tuple[Step, ...]
    ending: tuple[Step, ...]
    failures: float
    seed: int


def act(case: Case, key: str, count: int) -> tuple[float, str | None]:
    """How long the call takes, the ``count``-th with this key, and the code of its failure, if it fails."""
    rng = random.Random(f"{case.seed}/{key}/{count}")
    seconds = rng.randint(0, 3) + rng.randrange(1, 2**20) * 2.0**-24
    failed = rng.random() < case.failures
    return seconds, rng.choice(["BOOM", "BOOM", "FATAL"]) if failed else None


def seen(key: str, count: int, params: JsonValue) -> str:
    """What a tool returns: short, and different for different params."""
    return f"{key}*{count}:{zlib.crc32(json.dumps(params, sort_keys=True).encode())}"


@attrs.define
class Outcome:
    """What becomes of a step or an item.

    Attributes:
        reason: The first word of a skip's, or its error's code.
        instant: Whether it was stopped in the instant in which it began: how far it came is nobody's promise.
    """

    status: str
    reason: str | None = None
    output: JsonValue = None
    code: str | None = None
    usable: bool = False
    attempt: int = 0
    start: float = 0.0
    end: float = 0.0
    instant: bool = False

    @property
    def taken(self) -> bool:
        return self.reason not in {"condition", "dependency"}


class Skipped(Exception):
    """The step is skipped: its condition or branches are false, or it uses what was skipped."""


class Failed(Exception):
    """An attempt failed."""


def reads_of(step: Step) -> Iterator[str]:
    """All ids that the step, or anything in it, reads."""
    if isinstance(step.when, Read):
        yield step.when.name
    if isinstance(step.body, Leaf):
        yield from (read.name for read in step.body.reads)
        return
    branches = [(True, step.body)] if isinstance(step.body, Block) else step.body.branches
    for when, block in branches:
        if isinstance(when, Read):
            yield when.name
        for inner in block.steps:
            yield from reads_of(inner)
        if block.output is not None:
            yield block.output.name


@attrs.define(eq=False)
class Reference:
    """Runs one case.

    Attributes:
        outcomes: Path → what became of it; of a block that is tried again those of the last attempt.
        log: The paths of what was undone, in order.
        too_close: Whether two things happened at the same instant: what is first of them is nobody's promise.
    """

    case: Case
    outcomes: dict[str, Outcome] = attrs.field(factory=dict)
    begun: dict[str, int] = attrs.field(factory=dict)
    log: list[str] = attrs.field(factory=list)
    code: str | None = None
    too_close: bool = False
    _last: float = -1.0
    _done: list[str] = attrs.field(factory=list)
    _calls: Counter[str] = attrs.field(factory=Counter)
    _ends: set[float] = attrs.field(factory=set)

    async def run(self) -> None:
        scope = Scope(self, Block(self.case.steps))
        try:
            await scope.run()
        except Failed as failure:
            self.code = str(failure)
        if self.code is not None:
            self.log = self._done[::-1]
        if self.case.ending:
            ending = Scope(self, Block(self.case.ending), outer=scope)
            try:
                await ending.run()
            except Failed as failure:
                self.code = self.code or str(failure)

    async def call(self, key: str, params: JsonValue) -> JsonValue:
        self._calls[key] += 1
        count = self._calls[key]
        seconds, code = act(self.case, key, count)
        await asyncio.sleep(seconds)
        self.too_close |= now() in self._ends
        self._ends.add(now())
        if code is not None:
            raise Failed(code)
        return seen(key, count, params)

    def completed(self, step: Step, path: str) -> None:
        if step.undo:
            inside = bool(self._done) and self._done[-1].startswith(path)
            self.too_close |= now() == self._last and not inside
            self._last = now()
            self._done.append(path)

    def forget(self, path: str) -> None:
        """What is below begins anew."""
        for known in (self.outcomes, self.begun):
            for each in [each for each in known if each.startswith(f"{path}.")]:
                del known[each]


def now() -> float:
    return asyncio.get_running_loop().time()


async def cancel(tasks: Collection[asyncio.Task[Outcome]]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)


class Scope:
    """A block that runs."""

    def __init__(
        self,
        ref: Reference,
        block: Block,
        prefix: str = "",
        rounds: str = "",
        outer: Scope | None = None,
    ) -> None:
        self.ref, self.steps, self.prefix, self.rounds, self.outer = ref, block.steps, prefix, rounds, outer
        self.output = block.output
        self.settled: dict[str, Outcome] = {}
        self.completed: list[str] = []
        self.asked: dict[str, float] = {}
        self.started: dict[str, float] = {}
        self.tasks: dict[str, asyncio.Task[Outcome]] = {}
        self.stopped = False
        self.code: str | None = None
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        """To the end; raises what the scope failed with."""
        self.follow()
        try:
            await asyncio.shield(self.over)
        except asyncio.CancelledError:
            self.stop()
            await self.over
            raise
        if self.code is not None:
            raise Failed(self.code)

    def find(self, name: str) -> Outcome:
        """What became of a step; one that a join names need not have settled."""
        if any(step.id == name for step in self.steps):
            if name not in self.settled:
                self.asked[name] = now()
            return self.settled.get(name) or Outcome("pending")
        assert self.outer is not None, name
        return self.outer.find(name)

    def read(self, read: Read) -> JsonValue:
        outcome = self.find(read.name)
        if read.how == "status":
            self.ref.too_close |= outcome.instant
            return outcome.status
        if outcome.usable:
            return outcome.output if outcome.output is not None or read.how == "output" else "default"
        if read.how == "output":
            raise Skipped("dependency")
        return "default"

    def holds(self, condition: bool | Read) -> bool:
        if isinstance(condition, bool):
            return condition
        value = self.read(condition)
        return value == "completed" if condition.how == "status" else value not in (None, "", [])

    # -- who may start: asked of all, after everything that happens

    def waits(self, step: Step) -> set[str]:
        return {*step.after, *reads_of(step)} & {each.id for each in self.steps}

    def follow(self) -> None:
        changed = not self.stopped
        while changed and not self.stopped:
            changed = False
            for step in self.steps:
                if step.id not in self.settled and step.id not in self.tasks:
                    fate = self.fate(step)
                    changed |= fate != "wait"
                    if fate == "start":
                        self.start(step)
                    elif fate == "skip":
                        self.record(step, self.skip(step, "dependency"))
        if len(self.settled) == len(self.steps) and not self.over.done():
            self.over.set_result(None)

    def fate(self, step: Step) -> str:
        others = self.waits(step) - (set(step.after) if step.join is not None else set())
        if others - self.settled.keys():
            return "wait"
        if step.join is None:
            return "start" if all(self.settled[name].taken for name in step.after) else "skip"
        if step.join and len(self.joined(step)) >= step.join:
            return "start"
        if set(step.after) - self.settled.keys():
            return "wait"
        return "skip" if step.join else "start"

    def joined(self, step: Step) -> list[str]:
        return [name for name in self.completed if name in step.after]

    def start(self, step: Step) -> None:
        self.started[step.id] = now()
        task = self.tasks[step.id] = asyncio.ensure_future(self.perform(step))
        task.add_done_callback(lambda task: self.settle(step, task))

    def settle(self, step: Step, task: asyncio.Task[Outcome]) -> None:
        if task.cancelled():
            outcome = self.cancelled(step)
        elif (error := task.exception()) is not None:
            if not self.over.done():
                self.over.set_exception(error)
            return
        else:
            outcome = task.result()
        if outcome.status == "failed" and self.absorbs(step):
            outcome = self.skip(step, str(outcome.code), outcome)
        self.record(step, outcome)
        if outcome.status == "failed" and not self.stopped:
            self.code = outcome.code
            self.stop()
        if outcome.status == "completed" and not self.stopped:
            self.arrive(step)
        self.follow()

    def cancelled(self, step: Step) -> Outcome:
        attempt = self.ref.begun.get(f"{self.prefix}{step.id}", 0)
        instant = self.started[step.id] == now()
        return Outcome("cancelled" if attempt else "skipped", "stopped", attempt=attempt, instant=instant)

    def record(self, step: Step, outcome: Outcome) -> None:
        outcome.end = now()
        self.ref.too_close |= self.asked.get(step.id) == now()
        self.settled[step.id] = self.ref.outcomes[f"{self.prefix}{step.id}"] = outcome

    def stop(self) -> None:
        if self.stopped:
            return
        self.stopped = True
        for step in self.steps:
            if step.id not in self.settled and step.id not in self.tasks:
                self.record(step, Outcome("skipped", "stopped"))
        for name, task in self.tasks.items():
            if name not in self.settled:
                task.cancel()
        self.follow()

    # -- joins

    def arrive(self, step: Step) -> None:
        """A step has completed: joins that this reaches cancel the rest, and what then feeds nothing."""
        contested = [each for each in self.steps if each.join and step.id in each.after]
        self.ref.too_close |= any(self.settled[name].end == now() for each in contested for name in self.joined(each))
        self.completed.append(step.id)
        rest: set[str] = set()
        for each in contested:
            reached = len(self.joined(each)) == each.join
            if reached and each.cancel_rest and each.id not in self.settled:
                rest |= set(each.after) - self.settled.keys()
        self.drop(rest)

    def drop(self, rest: set[str]) -> None:
        before: set[str] = set()
        while rest != before:
            before = set(rest)
            rest |= {step.id for step in self.steps if self.feeds_only(step, rest)}
        for step in self.steps:
            if step.id in rest and step.id in self.tasks:
                self.tasks[step.id].cancel()
            elif step.id in rest:
                self.record(step, Outcome("skipped", "stopped"))

    def feeds_only(self, step: Step, rest: set[str]) -> bool:
        if step.id in self.settled or step.id in self.kept():
            return False
        feeds = {each.id for each in self.steps if step.id in self.waits(each)}
        return bool(feeds & rest) and feeds <= rest | self.settled.keys()

    def kept(self) -> set[str]:
        """What is read when the block has ended. Of the workflow everything is an output."""
        if self.prefix == "":
            return {step.id for step in self.steps}
        return {self.steps[-1].id} if self.output is None else {self.output.name}

    def absorbs(self, step: Step) -> bool:
        joins = [each for each in self.steps if each.join and step.id in each.after]
        return bool(joins) and not self.stopped and all(self.can_do_without(each, step) for each in joins)

    def can_do_without(self, join: Step, step: Step) -> bool:
        left = [name for name in join.after if name not in self.settled and name != step.id]
        return len(self.joined(join)) + len(left) >= (join.join or 0)

    # -- one step: condition, items, rounds, attempts, body

    def skip(self, step: Step, reason: str, failed: Outcome | None = None) -> Outcome:
        output = {"fallback": step.id} if step.fallback else None
        outcome = Outcome("skipped", reason, output, usable=step.fallback)
        if failed is not None:
            outcome = attrs.evolve(outcome, code=failed.code, attempt=failed.attempt, start=failed.start)
        return outcome

    async def perform(self, step: Step) -> Outcome:
        path, start = f"{self.prefix}{step.id}", now()
        try:
            if not self.holds(step.when):
                return self.skip(step, "condition")
            outcome = await self.loop(step, path) if step.for_each else await self.item(step, path)
        except Skipped as skip:
            return self.skip(step, str(skip))
        outcome.start = start
        if outcome.status == "failed" and step.skips:
            return self.skip(step, str(outcome.code), outcome)
        if outcome.status == "completed" and not step.for_each:
            self.ref.completed(step, path)
        return outcome

    async def loop(self, step: Step, path: str) -> Outcome:
        assert step.for_each is not None
        self.ref.begun[path] = 1
        waiting = list(range(step.for_each.size))
        running: dict[asyncio.Task[Outcome], int] = {}
        results: list[JsonValue] = [None] * len(waiting)
        failures = 0
        try:
            while waiting or running:
                while waiting and len(running) < (step.for_each.max_parallel or 99):
                    index = waiting.pop(0)
                    running[asyncio.ensure_future(self.one(step, path, index))] = index
                done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    outcome = task.result()
                    if outcome.reason == "dependency":
                        raise Skipped("dependency")
                    results[running.pop(task)] = outcome.output
                    failures += outcome.status == "failed"
                if failures > step.for_each.tolerate:
                    self.ref.too_close |= len(done) > 1 or outcome.start == now()
                    return Outcome("failed", code="ITEMS_FAILED", attempt=1)
        finally:
            await cancel(running)
        return Outcome("completed", output=results, usable=True, attempt=1)

    async def one(self, step: Step, path: str, index: int) -> Outcome:
        """An item of a loop, with a result of its own."""
        assert step.for_each is not None
        path = f"{path}[{'k' if step.for_each.keyed else ''}{index}]"
        start = now()
        self.ref.begun[path] = 0
        try:
            outcome = await self.item(step, path)
        except Skipped as skip:
            outcome = Outcome("skipped", str(skip))
        except asyncio.CancelledError:
            outcome = Outcome("cancelled", "stopped", attempt=self.ref.begun[path], start=start, end=now())
            self.ref.outcomes[path] = outcome
            raise
        outcome.start, outcome.end = start, now()
        self.ref.outcomes[path] = outcome
        if outcome.status == "completed":
            self.ref.completed(step, path)
        return outcome

    async def item(self, step: Step, path: str) -> Outcome:
        """Round after round."""
        rounds = step.repeat
        if rounds is None:
            return await self.attempts(step, path, self.rounds)
        outputs = []
        for number in range(1, rounds.max + 1):
            outcome = await self.attempts(step, path, f"{self.rounds}#{number}")
            if outcome.status != "completed":
                return outcome
            outputs.append(outcome.output)
            if number == rounds.until or (rounds.until is None and number == rounds.max):
                outcome.output = outputs if rounds.collect else outcome.output
                return outcome
            if number == rounds.max:
                return Outcome("failed", code="REPEAT_EXHAUSTED", attempt=outcome.attempt)
            await asyncio.sleep(rounds.every)
        raise AssertionError

    async def attempts(self, step: Step, path: str, rounds: str) -> Outcome:
        for attempt in range(1, step.attempts + 1):
            try:
                output = await self.body(step, path, rounds, attempt)
            except Failed as failure:
                if str(failure) in NEVER or attempt == step.attempts:
                    return Outcome("failed", code=str(failure), attempt=attempt)
                await asyncio.sleep(DELAY)
            else:
                return Outcome("completed", output=output, usable=True, attempt=attempt)
        raise AssertionError

    async def body(self, step: Step, path: str, rounds: str, attempt: int) -> JsonValue:
        if isinstance(step.body, Leaf):
            params = [self.read(read) for read in step.body.reads]
            self.ref.begun[path] = attempt
            return await self.ref.call(f"{path}{rounds}", params)
        block = step.body if isinstance(step.body, Block) else self.choose(step.body)
        self.ref.begun[path] = attempt
        self.ref.forget(path)
        scope = Scope(self.ref, block, f"{path}.", rounds, self)
        await scope.run()
        if block.output is None:
            return scope.settled[block.steps[-1].id].output
        try:
            return scope.read(block.output)
        except Skipped:
            return None

    def choose(self, body: Choose) -> Block:
        for when, block in body.branches:
            if self.holds(when):
                return block
        raise Skipped("condition")
