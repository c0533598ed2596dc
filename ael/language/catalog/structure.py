"""1xx: keys, types and combinations that a workflow file does not have."""

from __future__ import annotations

from ael.language.catalog.problem import Problem

__all__ = [
    "BodyMissing",
    "BracesNotRead",
    "DefaultMisfits",
    "DuplicateId",
    "DuplicateName",
    "DurationInvalid",
    "FallbackUnreachable",
    "IdReserved",
    "InputUnclear",
    "KeyMisplaced",
    "KeyMissing",
    "KeyUnknown",
    "KeysExclude",
    "ListEmpty",
    "NameInvalid",
    "NotAChoice",
    "NotSupportedYet",
    "NumberOutOfRange",
    "OnExhaustedUnused",
    "OutputUnclear",
    "PythonExecUnclear",
    "SchemaInvalid",
    "SchemaRemote",
    "SeveralBodies",
    "TextEmpty",
    "TypeWrong",
]


class TypeWrong(Problem, frozen=True):
    """A value has another type than its key asks for.

    Only ``true`` and ``false`` are booleans: ``yes``, ``no``, ``on`` and ``off`` are text. What is quoted is text.
    """

    code = "AEL101"
    wording = "{what} must be {expected}, not {got}"
    advice = "{what_to_do}"
    what: str
    expected: str
    got: str
    what_to_do: str = ""


class KeyUnknown(Problem, frozen=True):
    """A key that ael does not know is an error, because a misspelt key would otherwise be lost without a word."""

    code = "AEL102"
    wording = "{where} has no key {key!r}"
    advice = "{elsewhere}"
    where: str
    key: str
    nearest: str | None
    elsewhere: str


class KeyMissing(Problem, frozen=True):
    """A required key is not there."""

    code = "AEL103"
    wording = "{where} has no `{key}`"
    advice = "add `{key}`: {about}"
    where: str
    key: str
    about: str


class NotSupportedYet(Problem, frozen=True):
    """The language reserves this key or form for a later version; this version does not run it.

    It is refused instead of ignored, so that no workflow silently does something else than it says.
    """

    code = "AEL104"
    wording = "{what} is not supported yet in {where}"
    advice = "remove it, or use a version of ael that supports it"
    what: str
    where: str


class NotAChoice(Problem, frozen=True):
    """The value is none of those that the key takes."""

    code = "AEL105"
    wording = "{what} cannot be {value!r}; {choices}"
    what: str
    value: str
    choices: str
    nearest: str | None


class DurationInvalid(Problem, frozen=True):
    """A duration is a number of seconds, or numbers with the units ``d h m s ms`` in this order: ``1m30s``, ``500ms``.

    A timeout is more than zero, a delay at least zero.
    """

    code = "AEL106"
    wording = "{what} must be {expected}, not {got}"
    advice = "write seconds as a number, or a text such as '30s', '1m30s' or '500ms'"
    what: str
    expected: str
    got: str
    nearest: str | None = None


class NumberOutOfRange(Problem, frozen=True):
    """The number is smaller or larger than its key allows."""

    code = "AEL107"
    wording = "{what} must be {rule}, not {got}"
    what: str
    rule: str
    got: str


class NameInvalid(Problem, frozen=True):
    """A workflow's name and a step's id consist of ASCII letters, digits, ``_`` and ``-``.

    A name begins with a letter, an id with a letter or ``_``, so that both can be used in templates and on the
    command line without quoting.
    """

    code = "AEL108"
    wording = "{what} cannot be {value!r}"
    advice = "use letters, digits, '_' and '-', with {first} first"
    what: str
    value: str
    first: str


class DuplicateId(Problem, frozen=True):
    """Two steps have the same id, so that ``steps.<id>`` would be ambiguous."""

    code = "AEL109"
    wording = "two steps have the id {step!r}; the first is on line {first_line}"
    advice = "rename one of them"
    step: str
    first_line: int | str


class IdReserved(Problem, frozen=True):
    """Ids that begin with two underscores are reserved: neither templates nor code can read such names."""

    code = "AEL110"
    wording = "the id {step!r} is reserved, as all that begin with '__'"
    advice = "choose another id"
    step: str


class BodyMissing(Problem, frozen=True):
    """A step does exactly one thing: it calls a ``tool``, runs ``code``, a block of ``steps`` or a ``workflow`` …

    An ``undo`` calls a ``tool`` or runs ``code``.
    """

    code = "AEL111"
    wording = "{where} does nothing: it has {none}"
    advice = "add `tool: server.tool` or `code: |`"
    where: str
    none: str


class SeveralBodies(Problem, frozen=True):
    """A step does exactly one thing; two bodies are two steps."""

    code = "AEL112"
    wording = "{where} has more than one body: {bodies}"
    advice = "make a step of each"
    where: str
    bodies: str


class KeyMisplaced(Problem, frozen=True):
    """A key has no meaning beside what this step does, or what this rule says."""

    code = "AEL113"
    wording = "`{key}` means nothing in {where}: it goes with {bodies}"
    advice = "remove `{key}`"
    where: str
    key: str
    bodies: str


class FallbackUnreachable(Problem, frozen=True):
    """``fallback`` is the output of a step that was skipped; this step is never skipped with one.

    A step can be skipped by ``on_error: skip``, by a rule with ``do: skip``, by ``on_exhausted: skip`` with
    ``on_error: retry``, by ``on_missing_tool: skip``, by ``when``, by a ``choose`` without a last branch that always
    holds, by a ``join``, or because a step that it waits for was not taken.
    """

    code = "AEL114"
    wording = "the `fallback` of {where} is never used, because nothing can skip the step"
    advice = "add `on_error: skip`"
    where: str


class OnExhaustedUnused(Problem, frozen=True):
    """``on_exhausted`` says what ``on_error: retry`` does when no attempt is left; alone it is never asked.

    ``retry`` with ``on_error: skip`` retries first and then skips.
    """

    code = "AEL115"
    wording = "{what} counts only with `on_error: retry`"
    advice = "say `on_error: retry`, or write `on_error: {value}` and remove `on_exhausted`"
    what: str
    value: str


class BracesNotRead(Problem, frozen=True):
    """Templates are read in some keys only; elsewhere braces would stay as they are.

    These are ``params``, ``fallback``, ``when``, ``until``, ``for_each`` and its ``key``, ``reason`` of ``exit``, and
    outputs of workflows, blocks, branches and ``exit``.
    """

    code = "AEL116"
    wording = "no template is read in {what}"
    advice = "write the value itself; templates are read in `params`, `fallback`, conditions, `for_each` and outputs"
    what: str


class ListEmpty(Problem, frozen=True):
    """A workflow, a block, a branch and ``finally`` have at least one step, ``choose`` has a branch, a list a rule."""

    code = "AEL117"
    wording = "{what} is empty"
    advice = "{what_to_do}"
    what: str
    what_to_do: str


class DefaultMisfits(Problem, frozen=True):
    """The default of an input has to be a value that the input itself would accept."""

    code = "AEL118"
    wording = "the default of input {name!r} does not fit its own schema: {reason}"
    advice = "change the default, or what the input declares"
    name: str
    reason: str


class SchemaInvalid(Problem, frozen=True):
    """Inputs and outputs are declared in JSON Schema 2020-12; this is none."""

    code = "AEL119"
    wording = "{what} is no valid JSON Schema: {reason}"
    advice = "see https://json-schema.org/draft/2020-12"
    what: str
    reason: str


class SchemaRemote(Problem, frozen=True):
    """A schema is complete in itself: nothing is fetched from elsewhere while a workflow is loaded."""

    code = "AEL120"
    wording = "{what} refers to another document, which is never fetched: {reference}"
    advice = "copy the schema into `$defs` and refer to '#/$defs/...'"
    what: str
    reference: str


class InputUnclear(Problem, frozen=True):
    """An entry of ``inputs`` as a list: ``- name``, ``- name: default``, ``- name: {...}``, ``- {name: n, ...}``."""

    code = "AEL121"
    wording = "entry {number} of `inputs` does not say which input it declares"
    advice = "write inputs as a mapping, `name: {{type: string}}`"
    number: int


class OutputUnclear(Problem, frozen=True):
    """A declared output has its value in exactly one of ``value`` and ``from``."""

    code = "AEL122"
    wording = "{what} has no value"
    advice = 'add `value: "{{{{ steps.<id>.output }}}}"`'
    what: str


class KeysExclude(Problem, frozen=True):
    """Two keys that say the same thing, or exclude each other, are both there."""

    code = "AEL123"
    wording = "{where} has both `{first}` and `{second}`"
    advice = "keep one of them"
    where: str
    first: str
    second: str


class DuplicateName(Problem, frozen=True):
    """In list form, two entries declare the same name."""

    code = "AEL124"
    wording = "the {kind} {name!r} is declared twice"
    advice = "remove or rename one of them"
    kind: str
    name: str


class TextEmpty(Problem, frozen=True):
    """The text has nothing in it."""

    code = "AEL125"
    wording = "{what} is empty"
    what: str


class PythonExecUnclear(Problem, frozen=True):
    """``tool: python_exec`` of old files is read as a code step; then its params are the code and nothing else.

    There, templates in the code were rendered before it ran, and ``context`` passed values in. Code steps read
    ``inputs`` and ``steps`` themselves.
    """

    code = "AEL126"
    wording = "`python_exec` in {where} cannot be read as a code step: {reason}"
    advice = "write it as `code: |` that reads `inputs` and `steps`"
    where: str
    reason: str
