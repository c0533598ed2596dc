"""0xx: a file that cannot be read, or whose YAML is not what ael takes."""

from __future__ import annotations

from ael.language.catalog.problem import Problem

__all__ = [
    "AliasTooLarge",
    "AliasUnknown",
    "BracesUnquoted",
    "CharacterForbidden",
    "DuplicateKey",
    "EncodingInvalid",
    "FileEmpty",
    "FileMissing",
    "FileTooLarge",
    "FileUnreadable",
    "KeyNotText",
    "MergeKey",
    "NumberNotFinite",
    "SeveralDocuments",
    "TabIndentation",
    "TagUnsupported",
    "TooDeep",
    "YamlSyntax",
]


class FileMissing(Problem, frozen=True):
    """There is no file at the path that was given.

    Paths are taken relative to the folder the command runs in.
    """

    code = "AEL001"
    wording = "there is no file {path!r}"
    advice = "check the path; it is taken relative to the current folder"
    path: str


class FileUnreadable(Problem, frozen=True):
    """The path leads to something that cannot be read as a file: a folder, or a file without permission."""

    code = "AEL002"
    wording = "{path!r} cannot be read: {reason}"
    advice = "name a workflow file that the current user may read"
    path: str
    reason: str


class FileTooLarge(Problem, frozen=True):
    """A workflow file has at most 5 MB.

    The size is checked before anything is read. Data belongs into inputs, or into files that a tool reads.
    """

    code = "AEL003"
    wording = "the file has {size} bytes; at most {limit} are read"
    advice = "move data out of the workflow, into inputs or into files that a tool reads"
    size: int
    limit: int


class EncodingInvalid(Problem, frozen=True):
    """A workflow file is UTF-8 text, with or without a byte order mark."""

    code = "AEL004"
    wording = "the file is not UTF-8: byte {byte} at offset {offset}"
    advice = "save the file as UTF-8"
    byte: str
    offset: int


class YamlSyntax(Problem, frozen=True):
    """The text does not follow the rules of YAML.

    YAML goes by indentation: keys of one mapping stand in the same column. Text that contains ``: `` or `` #``, or
    begins with one of ``@ ` % & * ! | > { [``, has to be quoted.
    """

    code = "AEL005"
    wording = "this is not valid YAML: {problem}"
    advice = "{what_to_do}"
    problem: str
    what_to_do: str


class TabIndentation(Problem, frozen=True):
    """YAML does not allow tabs in indentation, because their width is not defined."""

    code = "AEL006"
    wording = "a tab is used for indentation"
    advice = "indent with spaces"


class DuplicateKey(Problem, frozen=True):
    """A mapping has the same key twice.

    Other YAML readers silently keep the last one, so one of the two values would be lost without a word.
    """

    code = "AEL007"
    wording = "the key {key!r} appears twice in the same mapping; first on line {first_line}"
    advice = "remove or rename one of the two"
    key: str
    first_line: int


class AliasTooLarge(Problem, frozen=True):
    """Aliases (``*name``) stand for a copy of what they refer to; nested, a few lines can stand for gigabytes.

    Their expansion is bounded: 100,000 values and 5 MB of text.
    """

    code = "AEL008"
    wording = "the alias '*{name}' makes the document too large when expanded"
    advice = "write the value out, or refer to less"
    name: str


class AliasUnknown(Problem, frozen=True):
    """An alias (``*name``) refers to an anchor (``&name``) that stands before it and is complete.

    If the text only begins with an asterisk, quote it.
    """

    code = "AEL009"
    wording = "the alias '*{name}' refers to no anchor before it"
    advice = "define it with '&{name}' further up, or quote the text if no alias is meant"
    name: str


class TagUnsupported(Problem, frozen=True):
    """YAML tags (``!name``, ``!!str``) are not supported: a value's type is seen from how it is written.

    Quote what shall be text; write numbers, ``true``, ``false`` and ``null`` plain.
    """

    code = "AEL010"
    wording = "YAML tags such as {tag!r} are not supported"
    advice = "remove the tag; quote the value if text is meant"
    tag: str


class MergeKey(Problem, frozen=True):
    """The merge key ``<<`` is not part of YAML 1.2 and not supported.

    Use ``defaults`` for what all steps share, or an alias for a whole value.
    """

    code = "AEL011"
    wording = "the merge key '<<' is not supported"
    advice = "write the keys out, or use `defaults` for what all steps share"


class SeveralDocuments(Problem, frozen=True):
    """A workflow file holds one YAML document: one workflow."""

    code = "AEL012"
    wording = "a second YAML document begins here; a file holds one workflow"
    advice = "put each workflow into a file of its own"


class NumberNotFinite(Problem, frozen=True):
    """``.nan``, ``.inf``, and numbers too large to be represented, are no values of JSON."""

    code = "AEL013"
    wording = "{text} is a number that JSON cannot say"
    advice = "quote it if text is meant"
    text: str


class BracesUnquoted(Problem, frozen=True):
    """A value that begins with ``{{`` has to be quoted, because a brace begins a mapping in YAML.

    Write ``url: "{{ inputs.url }}"`` instead of ``url: {{ inputs.url }}``.
    """

    code = "AEL014"
    wording = "a template that begins with braces must be quoted"
    advice = "quote it: {quoted}"
    quoted: str


class TooDeep(Problem, frozen=True):
    """Values are nested at most 100 levels deep."""

    code = "AEL015"
    wording = "the document is nested more than {limit} levels deep"
    advice = "flatten it"
    limit: int


class KeyNotText(Problem, frozen=True):
    """A key is text, or a number or word taken as text; a list or a mapping cannot be one."""

    code = "AEL016"
    wording = "a {kind} cannot be a key"
    advice = "use text as key"
    kind: str


class CharacterForbidden(Problem, frozen=True):
    """Control characters and lone surrogates do not belong in YAML text.

    In double quotes they can be written as escapes: ``"\\x07"``.
    """

    code = "AEL017"
    wording = "the character {character} is not allowed in YAML"
    advice = "remove it, or write it as an escape in double quotes"
    character: str


class FileEmpty(Problem, frozen=True):
    """The file has nothing in it but white space and comments."""

    code = "AEL018"
    wording = "the file is empty"
    advice = "a workflow has at least a `name` and `steps`"
