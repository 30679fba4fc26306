from datetime import timedelta

import pytest
from pydantic import BaseModel, ValidationError

from distribution.config.duration import Duration, parse


class Model(BaseModel):
    wait: Duration


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", timedelta(0)),
        ("24h", timedelta(days=1)),
        ("168h", timedelta(days=7)),
        ("1h30m", timedelta(minutes=90)),
        ("1h30m5s", timedelta(minutes=90, seconds=5)),
        ("500ms", timedelta(milliseconds=500)),
        ("5us", timedelta(microseconds=5)),
        ("5µs", timedelta(microseconds=5)),
        ("1000ns", timedelta(microseconds=1)),
        ("1.5h", timedelta(minutes=90)),
        (".5s", timedelta(milliseconds=500)),
        ("1.s", timedelta(seconds=1)),
        ("-1h", timedelta(hours=-1)),
        ("+1m", timedelta(minutes=1)),
        ("1000000000", timedelta(seconds=1)),
        ("-1000000000", timedelta(seconds=-1)),
        ("30m1h", timedelta(minutes=90)),
    ],
)
def test_durations(text, expected):
    """A duration is what Go reads; a bare number is nanoseconds."""
    assert parse(text) == expected
    assert Model(wait=f" {text} ").wait == expected


@pytest.mark.parametrize(
    "text",
    [
        *["", "h", "1d", "1 h", "1h ", "h1", "1h30", "one", "1e3s", "--1h", "1h-30m", "1,5h"],
        *[
            "off",
            "\u0661h",
            "1H",
            ".s",
            "99999999999999999999h",
            "9" * 400,
            "9" * 400 + "h",
            "9" * 9999,
        ],
    ],
)
def test_no_durations(text):
    """What Go does not read, or no clock can hold, is an error of the setting, not a crash."""
    with pytest.raises(ValueError):
        parse(text)
    if text.strip() == text:
        with pytest.raises(ValidationError):
            Model(wait=text)
