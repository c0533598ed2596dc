"""The third argument of ``execute``: what the caller sets for one execution. It wins over the file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from difflib import get_close_matches

import attrs

from ael.errors import ConfigInvalidError
from ael.types import JsonValue
from ael.values import NotDataError, normalise

__all__ = ["ExecutionConfig", "parse_execution_config"]


@attrs.frozen
class ExecutionConfig:
    """Settings of one execution; ``None`` leaves it to the file.

    Attributes:
        max_parallel: Most attempts at once.
        timeout: Seconds of the whole execution.
        sequential: Whether each step waits for the one before it.
        labels: Free text, in the first event, for whoever watches.
        vars: What templates read as ``config.<name>``.
    """

    max_parallel: int | None = None
    timeout: float | None = None
    sequential: bool | None = None
    labels: Mapping[str, str] = attrs.field(factory=dict)
    vars: Mapping[str, JsonValue] = attrs.field(factory=dict)


def parse_execution_config(config: Mapping[str, JsonValue] | ExecutionConfig | None) -> ExecutionConfig:
    """Check and convert a ``config``.

    Raises:
        ConfigInvalidError: With all problems; unknown keys name the nearest.
    """
    if config is None:
        return _NOTHING
    if isinstance(config, ExecutionConfig):
        return config
    if not isinstance(config, Mapping):
        raise ConfigInvalidError(f"config must be a mapping, not {type(config).__name__}")
    problems: list[str] = []
    values: dict[str, JsonValue] = {}
    for key, value in config.items():
        parse = _PARSERS.get(key)
        if parse is None:
            problems.append(_unknown(key))
            continue
        try:
            values[key] = parse(value)
        except (TypeError, ValueError, OverflowError) as error:
            problems.append(f"{key}: {error}")
    if problems:
        raise ConfigInvalidError(
            f"the config of the execution is not valid: {'; '.join(problems)}",
            details={"problems": problems},
            hint=f"the keys of config are: {', '.join(_PARSERS)}",
        )
    return ExecutionConfig(**values)


def _unknown(key: object) -> str:
    near = get_close_matches(str(key), _PARSERS, n=1)
    return f"{key!r} is not a key of config" + (f"; did you mean {near[0]!r}?" if near else "")


def _max_parallel(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"must be a whole number of at least 1, not {value!r}")
    return value


def _timeout(value: object) -> float:
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds > 0:
        raise ValueError(f"must be seconds above 0, or a timedelta, not {value!r}")
    return float(seconds)


def _sequential(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"must be true or false, not {value!r}")
    return value


def _labels(value: object) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise TypeError(f"must be a mapping of texts, not {type(value).__name__}")
    return {str(key): str(item) for key, item in value.items()}


def _vars(value: object) -> dict[str, JsonValue]:
    if not isinstance(value, Mapping):
        raise TypeError(f"must be a mapping, not {type(value).__name__}")
    try:
        own: dict[str, JsonValue] = normalise(value)
    except NotDataError as error:
        raise ValueError(str(error)) from error
    return own


_PARSERS: Mapping[str, Callable[[object], JsonValue]] = {
    "max_parallel": _max_parallel,
    "timeout": _timeout,
    "labels": _labels,
    "sequential": _sequential,
    "vars": _vars,
}
_NOTHING = ExecutionConfig()
