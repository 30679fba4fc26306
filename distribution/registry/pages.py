"""Pagination: ``n``, ``last`` and the ``Link`` header (RFC 8288)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlencode

from distribution.errors import PaginationError

if TYPE_CHECKING:
    import falcon

#: Digits of the largest number worth reading.
_DIGITS_LIMIT: Final = 18


def parse_limit(req: falcon.Request, default: int) -> int:
    """Return the number of results asked for.

    Raises:
        PaginationError: it is no whole number. The list itself is never consulted, so no size is
            allocated by it (CVE-2023-2253).
    """
    text = req.get_param("n")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS_LIMIT):
        raise PaginationError(text)
    return int(text)


def next_link(req: falcon.Request, **query: object) -> str:
    """Return a ``Link`` to the page that goes on where this one ends; a relative reference.

    Args:
        req: the request for this page.
        query: the next page's parameters; those that are None are left out.
    """
    given = {key: value for key, value in sorted(query.items()) if value is not None}
    path = quote(req.root_path + req.path, safe="/:@-._~")
    return f'<{path}?{urlencode(given)}>; rel="next"'
