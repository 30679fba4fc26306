"""Durations as Go writes them: ``24h``, ``1h30m``, ``500ms``; a bare number is nanoseconds."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Final

from pydantic import BeforeValidator

_UNITS: Final = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
}
_PIECE: Final = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|ms|s|m|h)")
_WHOLE: Final = re.compile(rf"[+-]?(?:{_PIECE.pattern})+")


def parse(text: str) -> timedelta:
    """Read a duration.

    >>> parse("1h30m")
    datetime.timedelta(seconds=5400)

    Raises:
        ValueError: *text* is none.
    """
    if re.fullmatch(r"[+-]?[0-9]+", text):
        text += "ns"
    if _WHOLE.fullmatch(text) is None:
        raise ValueError(f"not a duration such as 24h or 1h30m: {text[:40]!r}")
    seconds = sum(float(number) * _UNITS[unit] for number, unit in _PIECE.findall(text))
    try:
        return timedelta(seconds=-seconds if text.startswith("-") else seconds)
    except OverflowError as error:
        raise ValueError(f"longer than any clock can tell: {text[:40]!r}") from error


def _read(value: object) -> object:
    return parse(value.strip()) if isinstance(value, str) else value


#: A field that holds a duration.
Duration = Annotated[timedelta, BeforeValidator(_read)]
