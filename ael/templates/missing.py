"""What an expression gets for something that is not there, and the views through which it reads steps and secrets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import NoReturn

from jinja2.runtime import Undefined
from jinja2.utils import missing

from ael.templates.model import Data, Names, SkippedOutputError
from ael.templates.reading import (
    DataView,
    Unread,
    describe_miss,
    describe_secret,
    key_text,
    read_field,
    read_item,
    result_of,
    step_data,
    step_fields,
    template_error,
)
from ael.types import JsonValue

__all__ = ["Missing", "MissingError", "SecretsView", "SkippedOutput", "StepFields", "StepsView", "missing_key"]


class MissingError(Exception):
    """Something is missing and was used; the message says what."""


class Missing(Unread, Undefined):
    """What a lookup found nothing for: goes on being nothing however deep it is read, until it is used.

    The parameters are Jinja's, which makes some of these itself.
    """

    __slots__ = ("_say", "_where")

    def __init__(
        self, hint: str | None = None, obj: object = missing, name: object = None, exc: type[Exception] | None = None
    ) -> None:
        super().__init__(hint, obj, str(name))
        self._where = ""
        self._say: Callable[[], str] = lambda: hint or f"{name!r} is not set here"
        if hint is None and obj is not missing:
            self._say = partial(describe_miss, obj, name, "a value")

    @classmethod
    def at(cls, where: str, say: Callable[[], str]) -> Missing:
        """One whose place is known; ``say`` words what is missing, if it comes to that."""
        made = cls()
        made._where, made._say = where, say
        return made

    def use(self, *_: object, **__: object) -> NoReturn:
        """It is needed, and not there.

        Raises:
            TemplateError: Naming it, its place and the nearest key.
            MissingError: The same where its place is not known; the renderer puts in the whole template.
        """
        if not self._where:
            raise MissingError(self._say())
        raise template_error(self._where, self._say())

    def _used(self, *_: object, **__: object) -> NoReturn:
        self.use()

    _fail_with_undefined_error = _used
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _used
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __pow__ = __rpow__ = __pos__ = __neg__ = _used
    __lt__ = __le__ = __gt__ = __ge__ = __eq__ = __ne__ = __hash__ = __bool__ = __contains__ = _used
    __int__ = __float__ = __complex__ = __index__ = __str__ = __len__ = __iter__ = __reversed__ = __call__ = _used
    __getitem__ = _used


class SkippedOutput(Missing):
    """The output of a step that was skipped or cancelled without fallback, or has not settled."""

    __slots__ = ("_step_id",)
    _step_id: str

    @classmethod
    def of(cls, step_id: str) -> SkippedOutput:
        """That of the step with this id."""
        made = cls()
        made._step_id = step_id
        return made

    def use(self, *_: object, **__: object) -> NoReturn:
        """It is needed: who renders this is skipped as well.

        Raises:
            SkippedOutputError: Always.
        """
        raise SkippedOutputError(self._step_id)


def missing_key(value: object, key: object, where: str) -> Missing:
    """What reading ``key`` of ``value``, found at ``where``, gives when there is none."""
    if not where:
        return Missing(obj=value, name=key)
    return Missing.at(where + key_text(key), partial(describe_miss, value, key, where))


class StepFields(DataView):
    """``steps.<id>``: its fields, each read when asked for. ``is_loop``: whether ``items`` is one."""

    def __init__(self, data: Data, step_id: str, names: Names) -> None:
        self._data = data
        self._step_id = step_id
        self._place = names.steps[step_id]
        self.is_loop = step_id in names.loops

    def __getitem__(self, field: str) -> JsonValue:
        if field not in step_fields(loop=self.is_loop):
            raise KeyError(field)
        try:
            return read_field(result_of(self._data, self._place), self._step_id, field)
        except SkippedOutputError:
            return SkippedOutput.of(self._step_id)

    def __iter__(self) -> Iterator[str]:
        return iter(step_fields(loop=self.is_loop))

    def __len__(self) -> int:
        return len(step_fields(loop=self.is_loop))

    def as_data(self) -> JsonValue:
        """All fields."""
        return step_data(result_of(self._data, self._place), loop=self.is_loop)

    def item(self, position: int) -> JsonValue:
        """One item of a loop.

        Raises:
            IndexError: There is none.
        """
        return read_item(result_of(self._data, self._place), position)


class StepsView(DataView):
    """``steps``: by id."""

    def __init__(self, data: Data, names: Names) -> None:
        self._data = data
        self._names = names

    def __getitem__(self, step_id: str) -> JsonValue:
        return StepFields(self._data, step_id, self._names)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names.steps)

    def __len__(self) -> int:
        return len(self._names.steps)

    def as_data(self) -> JsonValue:
        """All steps."""
        return {step_id: self[step_id].as_data() for step_id in self}


class SecretsView:
    """``secrets``: by name and no other way; a missing one says what to set."""

    def __init__(self, secrets: JsonValue) -> None:
        self._secrets = secrets

    def read(self, name: str) -> JsonValue:
        """The secret, or what stands for a missing one."""
        try:
            return self._secrets[name]
        except KeyError as error:
            return Missing.at(f"secrets.{name}", partial(describe_secret, name, error))
