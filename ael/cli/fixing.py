"""``ael check --fix``: repairs files by safe fixes, or shows as a diff what it would write."""

from __future__ import annotations

import codecs
import contextlib
import difflib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from ael.cli.output import say, write_data
from ael.diagnostics import Diagnostic
from ael.language import read_file
from ael.language.fixes import Check, Fixed, fix_all

__all__ = ["fix_files"]


def fix_files(files: Iterable[str], check: Check, *, write: bool) -> None:
    """Repair each file as far as safe fixes go, and say what was repaired on stderr; or show the difference on stdout.

    Files keep their line breaks, byte order mark and mode. What cannot be read is left to the check that follows.

    Raises:
        click.UsageError: A file cannot be written.
    """
    problems, repaired = 0, 0
    for file in files:
        source = read_file(file)
        if isinstance(source, Diagnostic):
            continue
        fixed = fix_all(source, check)
        if fixed.refused:
            say(f"{file}: left as it is: with its fixes it would have more errors")
        if not fixed.fixed:
            continue
        problems, repaired = problems + len(fixed.fixed), repaired + 1
        _say_fixes(fixed, "fixed" if write else "would fix")
        if write:
            _write(Path(file), fixed.source.text)
        else:
            write_data("".join(_difference(file, source.text, fixed.source.text)))
    if problems:
        _say_sum(problems, repaired, "fixed" if write else "would fix")


def _say_fixes(fixed: Fixed, verb: str) -> None:
    for problem in fixed.fixed:
        assert problem.fix is not None
        say(f"{problem.file}:{problem.line}:{problem.column}: {verb} {problem.code}: {problem.fix.message}")


def _say_sum(problems: int, files: int, verb: str) -> None:
    what = f"{problems} {'problem' if problems == 1 else 'problems'}"
    say(f"{verb} {what} in {files} {'file' if files == 1 else 'files'}")


def _difference(file: str, before: str, after: str) -> Iterator[str]:
    """A unified diff, as ``patch`` and ``git apply`` take it."""
    name = file.lstrip("/")
    lines = difflib.unified_diff(_lines(before), _lines(after), f"a/{name}", f"b/{name}")
    for line in lines:
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _lines(text: str) -> list[str]:
    """Lines end with a line feed and nothing else, as in the tools that read diffs."""
    lines = text.split("\n")
    return [f"{line}\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


def _write(path: Path, text: str) -> None:
    """Put a new text in the place of a file at once: nobody ever sees half of it."""
    target = Path(os.path.realpath(path))
    try:
        with target.open("rb") as file:
            mark = codecs.BOM_UTF8 if file.read(3) == codecs.BOM_UTF8 else b""
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        with contextlib.ExitStack() as stack:
            stack.callback(Path(name).unlink, missing_ok=True)
            with os.fdopen(descriptor, "wb") as file:
                file.write(mark + text.encode())
            shutil.copymode(target, name)
            Path(name).replace(target)
    except OSError as error:
        raise click.UsageError(f"cannot write {str(path)!r}: {error.strerror or error}") from error
