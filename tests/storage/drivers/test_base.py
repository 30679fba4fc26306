"""What the base class does for every driver: errors, defaults, times."""

import errno
from datetime import timedelta

import pytest

from distribution.errors import (
    ConflictError,
    DriverError,
    PathNotFoundError,
    UnsupportedError,
)
from distribution.storage.drivers.base import ABSENT, Properties, components
from distribution.storage.drivers.memory import MemoryDriver


class Failing(MemoryDriver):
    """Raises *error* from `get`, from the second name of a list, and from a writer."""

    def __init__(self, error):
        super().__init__()
        self.error = error

    def _get(self, path):
        raise self.error

    def _list(self, path, after):
        yield "a"
        raise self.error


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        pytest.param(FileNotFoundError(), PathNotFoundError, id="missing"),
        pytest.param(NotADirectoryError(), PathNotFoundError, id="below a file"),
        pytest.param(IsADirectoryError(), PathNotFoundError, id="a directory"),
        pytest.param(FileExistsError(), ConflictError, id="exists"),
        pytest.param(OSError(errno.ENOSPC, "No space left"), DriverError, id="disk full"),
        pytest.param(PermissionError(errno.EACCES, "denied"), DriverError, id="not ours"),
        pytest.param(TimeoutError("slow"), DriverError, id="time-out"),
        pytest.param(UnsupportedError("no"), UnsupportedError, id="of our own"),
    ],
)
def test_errors_of_the_backend_are_translated(raised, expected):
    """What the backend raises comes out as the error for it, with the cause kept."""
    with pytest.raises(expected) as caught:
        Failing(raised).get("/a")
    assert type(caught.value) is expected
    assert raised in {caught.value, caught.value.__cause__}


@pytest.mark.parametrize("bug", [ZeroDivisionError(), TypeError("bug"), KeyError("bug")])
def test_bugs_are_not_dressed_up(bug):
    """What no backend means to raise comes out as it is."""
    with pytest.raises(type(bug)) as caught:
        Failing(bug).get("/a")
    assert caught.value is bug


def test_errors_while_listing_are_translated():
    """A backend that fails in the middle of a list fails by our error."""
    names = Failing(OSError(errno.EIO, "broken")).list("/d")
    assert next(names) == "a"
    with pytest.raises(DriverError, match="inmemory: /d: broken"):
        next(names)


def test_the_message_names_driver_path_and_reason():
    """An operator reads what failed where."""
    with pytest.raises(DriverError, match=r"^inmemory: /a: No space left$"):
        Failing(OSError(errno.ENOSPC, "No space left")).get("/a")


def test_a_driver_without_conditional_put_refuses_expect():
    """`expect` is refused where it could not be kept."""

    class Plain(MemoryDriver):
        @property
        def properties(self):
            return Properties()

    driver = Plain()
    with pytest.raises(UnsupportedError):
        driver.put("/a", b"", expect=ABSENT)
    with pytest.raises(PathNotFoundError):
        driver.stat("/a")


def test_defaults_for_what_a_backend_lacks():
    """A driver that implements no touch and no url still answers both, and misses what is gone."""

    class Bare(MemoryDriver):
        _touch = MemoryDriver.__mro__[1]._touch

    driver = Bare()
    driver.put("/a", b"")
    before = driver.stat("/a").modified
    driver.touch("/a")
    assert driver.stat("/a").modified == before
    assert driver.url("/a", "GET", timedelta(minutes=1)) is None
    with pytest.raises(PathNotFoundError):
        driver.touch("/b")


def test_nobody_need_listen():
    """Without an observer calls are not timed."""
    driver = MemoryDriver()
    driver.put("/a", b"")
    assert driver.observer is None


def test_components_sort_a_parent_before_its_longer_named_sibling():
    """The order of a walk is not that of texts."""
    assert sorted(["/a-b", "/a/b", "/a"], key=components) == ["/a", "/a/b", "/a-b"]
