"""Ranges as values, with nothing around them."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distribution.errors import InvalidRangeError, RangeNotSatisfiableError
from distribution.registry.ranges import (
    PARTS_LIMIT,
    ByteRange,
    parse_content_range,
    parse_range,
)


def spans(*pairs):
    return tuple(ByteRange(start, end) for start, end in pairs)


class TestRange:
    @pytest.mark.parametrize(
        ("header", "expected"),
        [
            ("bytes=0-0", spans((0, 1))),
            ("bytes=0-9", spans((0, 10))),
            ("bytes=0-10", spans((0, 10))),
            ("bytes=9-", spans((9, 10))),
            ("bytes=-3", spans((7, 10))),
            ("bytes=-10", spans((0, 10))),
            ("bytes=-999", spans((0, 10))),
            ("bytes=5-999999999999999999", spans((5, 10))),
            ("Bytes = 1-2", spans((1, 3))),
            ("bytes= 1-2 , 4-5 ", spans((1, 3), (4, 6))),
            ("bytes=4-5,1-2", spans((1, 3), (4, 6))),
            ("bytes=1-2,3-4", spans((1, 5))),
            ("bytes=0-8,2-3", spans((0, 9))),
            ("bytes=0-1,0-1", spans((0, 2))),
            ("bytes=0-0,-1", spans((0, 1), (9, 10))),
            ("bytes=1-2,50-60", spans((1, 3))),
            ("bytes=1-2,x", spans((1, 3))),
            ("bytes=1-2,", spans((1, 3))),
        ],
    )
    def test_is_resolved(self, header, expected):
        """Parts are clamped, sorted and merged; those without a byte are left out."""
        assert parse_range(header, 10) == expected

    @pytest.mark.parametrize("header", ["", "bytes", "lines=0-1", "0-1", "=0-1", "bytes 0-1"])
    def test_of_other_units_is_ignored(self, header):
        """What is no range of bytes asks for the whole."""
        assert parse_range(header, 10) == ()

    @pytest.mark.parametrize(
        "header",
        [
            "bytes=",
            "bytes=-",
            "bytes=-0",
            "bytes=10-",
            "bytes=10-20",
            "bytes=5-4",
            "bytes=a-b",
            "bytes=1",
            "bytes=--1",
            "bytes=+1-2",
            "bytes=\u0661-\u0662",
            "bytes=" + "9" * 20 + "-",
            "bytes=0x1-2",
        ],
    )
    def test_without_a_byte_cannot_be_met(self, header):
        """A range of bytes that holds none of the content's is an error that tells the size."""
        with pytest.raises(RangeNotSatisfiableError) as caught:
            parse_range(header, 10)
        assert caught.value.size == 10

    @pytest.mark.parametrize("header", ["bytes=0-", "bytes=0-0", "bytes=-1"])
    def test_of_nothing_cannot_be_met(self, header):
        """Empty content has no range."""
        with pytest.raises(RangeNotSatisfiableError):
            parse_range(header, 0)

    @pytest.mark.parametrize(
        ("count", "expected"), [(PARTS_LIMIT, PARTS_LIMIT), (PARTS_LIMIT + 1, 0)]
    )
    def test_of_too_many_parts_is_the_whole(self, count, expected):
        """Beyond the limit, counted after merging, the whole is sent."""
        header = "bytes=" + ",".join(f"{2 * n}-{2 * n}" for n in range(count))
        assert len(parse_range(header, 1000)) == expected

    def test_limit_counts_merged_parts(self):
        """Thousands of parts that touch are one."""
        header = "bytes=" + ",".join(f"{n}-{n}" for n in range(900))
        assert parse_range(header, 1000) == spans((0, 900))

    @given(
        st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=1, max_size=9),
        st.integers(0, 40),
    )
    def test_holds_exactly_the_bytes_asked_for(self, pairs, size):
        """The parts cover each byte that some spec names, once, in order, with gaps in between."""
        header = "bytes=" + ",".join(f"{first}-{last}" for first, last in pairs)
        wanted = {n for first, last in pairs for n in range(first, min(last + 1, size))}
        if not wanted:
            with pytest.raises(RangeNotSatisfiableError):
                parse_range(header, size)
            return
        parts = parse_range(header, size)
        assert [n for part in parts for n in range(part.start, part.end)] == sorted(wanted)
        assert all(left.end < right.start for left, right in pairwise(parts))


class TestContentRange:
    @pytest.mark.parametrize(
        ("header", "start", "end"),
        [
            ("0-0", 0, 1),
            ("0-1023", 0, 1024),
            ("100-199", 100, 200),
            ("bytes 100-199/4096", 100, 200),
            ("bytes 100-199/*", 100, 200),
            ("bytes=100-199", 100, 200),
            ("100-199/4096", 100, 200),
            (" 5-6 ", 5, 7),
        ],
    )
    def test_is_read_in_every_form(self, header, start, end):
        """The spec's bare form and RFC 9110's are one."""
        assert parse_content_range(header) == ByteRange(start, end)

    @pytest.mark.parametrize(
        "header",
        ["", "-", "5", "5-", "-5", "6-5", "a-b", "bytes */5", "0-1/x", "0-1-2", "1" * 20 + "-5"],
    )
    def test_of_no_known_form_is_refused(self, header):
        """Anything else, or an end before the start, is an error."""
        with pytest.raises(InvalidRangeError):
            parse_content_range(header)

    def test_header_names_the_whole(self):
        """A part's own header tells its first and last byte, and the size."""
        assert ByteRange(0, 10).header(20) == "bytes 0-9/20"
