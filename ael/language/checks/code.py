"""7xx: is the code Python, does what it reads exist, and will its executor take it?"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ael.code_references import CodeReference
from ael.dataflow import StepFlow
from ael.definition import CodeBody, Path
from ael.language.catalog import Problem, code, listing
from ael.language.checks.context import Context, Scope, bodies_of
from ael.language.places import Placer
from ael.language.suggest import nearest
from ael.ports import CodeExecutor
from ael.source import Source

__all__ = ["check_code"]

_HOW_TO_GET = {
    "safe": "install it: pip install 'ael[code]'",
    "trusted": 'allow it in the engine: Settings(executors=("safe", "trusted"))',
}


def check_code(context: Context, executors: Mapping[str, CodeExecutor]) -> None:
    """All code, of steps and of their ``undo``. Without any executors, as when only the file is looked at, none is
    missed.
    """
    for scope, flow in context.steps:
        for body, below in bodies_of(flow.step):
            if isinstance(body, CodeBody):
                _Checking(context, scope, flow, body, below).check(executors)


class _Checking:
    """The check of one code step, or of the code that undoes one."""

    def __init__(self, context: Context, scope: Scope, flow: StepFlow, body: CodeBody, below: Path) -> None:
        self._context = context
        self._name = scope.name(flow.step)
        self._at = context.path(flow.step, *below)
        self._names = scope.flow.names
        self._reads = flow.undo_code if below else flow.code
        self._locals = {*flow.inner.locals, "output"} if below else flow.inner.locals
        self._body = body
        self._lines = Source(body.code)

    def check(self, executors: Mapping[str, CodeExecutor]) -> None:
        """Syntax first: code that does not parse reads nothing, and its executor would say the same again."""
        reads = self._reads
        if reads is not None and reads.syntax_error is not None:
            reason, line, column = reads.syntax_error
            self._report(code.CodeSyntax(self._name, reason), line, column)
        elif reads is not None:
            for reference in reads.steps:
                self._check_reference(reference, self._names.steps, code.CodeStepUnknown)
            for reference in reads.inputs:
                self._check_reference(reference, self._names.inputs, code.CodeInputUnknown)
            self._check_executor(executors)

    def _check_reference(
        self,
        reference: CodeReference,
        known: Collection[str],
        kind: type[code.CodeStepUnknown | code.CodeInputUnknown],
    ) -> None:
        if reference.name not in known:
            names = tuple(name for name in known if "#" not in name)
            near = nearest(reference.name, names)
            problem = kind(self._name, reference.name, near, listing(names))
            # The reference begins at its root; the name follows, in most code on the same line.
            at = self._lines.line(reference.line).find(reference.name, reference.column - 1)
            if at >= 0:
                self._report(problem, reference.line, at + 1, len(reference.name))
            else:
                self._report(problem, reference.line, reference.column, len(reference.root))

    def _check_executor(self, executors: Mapping[str, CodeExecutor]) -> None:
        name = self._body.executor
        executor = executors.get(name)
        if executor is not None:
            for found in executor.check(self._body.code, self._locals):
                problem = self._problem(found.code, found.message, found.hint)
                self._report(problem, found.line, found.column, found.length)
        elif executors and name in _HOW_TO_GET:
            self._at_executor(code.ExecutorUnavailable(self._name, name, _HOW_TO_GET[name]))
        elif name not in _HOW_TO_GET:
            known = tuple(dict.fromkeys((*executors, *_HOW_TO_GET)))
            self._at_executor(code.ExecutorUnknown(self._name, name, nearest(name, known), listing(known)))

    def _problem(self, kind: str, message: str, hint: str | None) -> Problem:
        if kind == "CODE_SYNTAX":
            return code.CodeSyntax(self._name, message)
        if kind == "CODE_RUNTIME":
            return code.CodeNameUnknown(self._name, message, hint or "")
        return code.CodeRefused(self._name, kind, message, hint or "")

    def _at_executor(self, problem: Problem) -> None:
        self._context.report.add(problem, (*self._at, "executor"))

    def _report(self, problem: Problem, line: int, column: int, length: int = 0) -> None:
        """Report at a place of the code; without a length, up to the end of its line."""
        path = (*self._at, "code")
        place: Placer | None = self._context.placer(path, self._body.code)
        if place is None:
            self._context.report.add(problem, path)
            return
        offset = self._lines.offset(line, column)
        rest = len(self._lines.line(line).rstrip()) - column + 1
        self._context.report.add_span(problem, place(offset, length or max(rest, 1)))
