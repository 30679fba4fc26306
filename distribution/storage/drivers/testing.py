"""The driver contract as tests, for our drivers and for anyone's.

Subclass `DriverSuite`, override its ``driver`` fixture with an empty driver, and let pytest collect
it. What backends honestly cannot do is read from `StorageDriver.properties`; nothing else differs.

    class TestMyDriver(DriverSuite):
        @pytest.fixture
        def driver(self):
            return MyDriver()
"""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from threading import Barrier, Event
from typing import TYPE_CHECKING, Final

import pytest

from distribution.errors import (
    ConflictError,
    DriverError,
    InvalidOffsetError,
    InvalidPathError,
    PathNotFoundError,
    UnsupportedError,
)
from distribution.storage.drivers.base import ABSENT, ROOT, StorageDriver, components

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: Contents that break careless drivers: nothing, one byte, no text, more than any one part.
CONTENTS: Final = [
    pytest.param(b"", id="empty"),
    pytest.param(b"a", id="one byte"),
    pytest.param(b"\x00\x80\xff\r\n", id="binary"),
    pytest.param(b"0123456789abcde\n" * 312_500, id="5 MB"),
]

#: Texts that are no paths.
INVALID_PATHS: Final = [
    *["", "a", "a/b", "//", "//a", "/a//b", "/a/", "/.", "/..", "/a/.", "/a/..", "/../a"],
    *["/a/../b", "/./a", "/a b", "/a%2e", "/%2e%2e", "/a\0", "/a\n", "/é", "/a\\b", "/a:b", "/~"],
]

#: Paths that look odd, and are valid.
ODD_PATHS: Final = ["/.a", "/a..", "/...", "/..a/b", "/-", "/_", "/A/b.C-d_0", "/0/0", "/link"]

#: Directory names whose order changes once a slash is put behind each.
SIBLINGS: Final = ["a", "a-b", "a.b", "a0", "ab"]

#: What to do with a path; each must check it.
CALLS: Final[dict[str, Callable[[StorageDriver, str], object]]] = {
    "get": lambda driver, path: driver.get(path),
    "put": lambda driver, path: driver.put(path, b""),
    "open": lambda driver, path: driver.open(path),
    "writer": lambda driver, path: driver.writer(path),
    "stat": lambda driver, path: driver.stat(path),
    "touch": lambda driver, path: driver.touch(path),
    "list": lambda driver, path: driver.list(path),
    "walk": lambda driver, path: driver.walk(path),
    "move from": lambda driver, path: driver.move(path, "/target"),
    "move to": lambda driver, path: driver.move("/source", path),
    "delete": lambda driver, path: driver.delete(path),
    "url": lambda driver, path: driver.url(path, "GET", timedelta(minutes=1)),
}

#: Those of them that need something to be there.
NEEDING: Final = ["get", "open", "stat", "touch", "list", "walk", "move from", "delete"]

#: Those of them that need a file.
NEEDING_A_FILE: Final = ["get", "open", "touch", "move from"]

#: Those of them that take the root.
TAKING_ROOT: Final = ["stat", "list", "walk"]


def write(driver: StorageDriver, path: str, content: bytes) -> None:
    """Write and publish *content* by a writer."""
    writer = driver.writer(path)
    writer.write(content)
    writer.commit()


def read(driver: StorageDriver, path: str, offset: int = 0) -> bytes:
    """Return what a reader gets from byte *offset* on."""
    with driver.open(path, offset) as reader:
        return reader.read()


def exists(driver: StorageDriver, path: str) -> bool:
    """Say whether anything is at *path*."""
    try:
        driver.stat(path)
    except PathNotFoundError:
        return False
    return True


def pages(driver: StorageDriver, path: str) -> Iterator[str]:
    """List *path* one name at a time, each time anew."""
    name = next(driver.list(path), None)
    while name is not None:
        yield name
        name = next(driver.list(path, name), None)


def in_parallel(*jobs: Callable[[], object]) -> None:
    """Run *jobs* in a thread each, begun together; raise what any of them raises."""
    start = Barrier(len(jobs))

    def run(job: Callable[[], object]) -> None:
        start.wait(30)
        job()

    with ThreadPoolExecutor(len(jobs)) as pool:
        for done in [pool.submit(run, job) for job in jobs]:
            done.result(60)


def while_running(job: Callable[[], object], *others: Callable[[], object]) -> None:
    """Run *job* once, and each of *others* again and again until it is done."""
    done = Event()

    def once() -> None:
        try:
            job()
        finally:
            done.set()

    def repeat(other: Callable[[], object]) -> None:
        other()
        while not done.is_set():
            other()

    in_parallel(once, *(partial(repeat, other) for other in others))


def resume(driver: StorageDriver, path: str, chunk: bytes, suspended: str = "") -> str:
    """Append *chunk* in one suspended step, as text that another process could read."""
    state, tail = json.loads(suspended) if suspended else (None, "")
    writer = driver.writer(path, state, bytes.fromhex(tail))
    writer.write(chunk)
    new_state, new_tail = writer.suspend()
    return json.dumps([new_state, new_tail.hex()])


def finish(driver: StorageDriver, path: str, suspended: str) -> None:
    """Publish what *suspended* holds."""
    state, tail = json.loads(suspended)
    driver.writer(path, state, bytes.fromhex(tail)).commit()


def refuses_expect(driver: StorageDriver) -> bool:
    """Say whether *driver* has no conditional put, having made sure that it is honest about it."""
    if driver.properties.conditional_put:
        return False
    with pytest.raises(UnsupportedError):
        driver.put("/refused", b"content", expect=ABSENT)
    assert not exists(driver, "/refused")
    return True


class DriverSuite:
    """Every promise that `StorageDriver` makes, one test each."""

    @pytest.fixture
    def driver(self) -> StorageDriver:
        """Return an empty driver. Override me."""
        raise NotImplementedError

    # --- whole files -------------------------------------------------------------------------

    @pytest.mark.parametrize("content", CONTENTS)
    def test_get_returns_what_was_put(self, driver: StorageDriver, content: bytes) -> None:
        """Content survives `put` and `get`, whatever its bytes or size."""
        driver.put("/a/b", content)
        assert driver.get("/a/b") == content

    @pytest.mark.parametrize("content", CONTENTS)
    def test_open_reads_what_was_written(self, driver: StorageDriver, content: bytes) -> None:
        """Content survives a writer and a reader, whatever its bytes or size."""
        write(driver, "/a/b", content)
        assert read(driver, "/a/b") == content

    @pytest.mark.parametrize("path", ODD_PATHS)
    def test_takes_odd_paths(self, driver: StorageDriver, path: str) -> None:
        """A path is valid by the grammar alone, however it looks."""
        driver.put(path, b"content")
        assert driver.get(path) == b"content"
        assert [info.path for info in driver.walk(ROOT)] == [path]

    def test_paths_are_told_apart_by_case(self, driver: StorageDriver) -> None:
        """An upper-case letter makes another path."""
        driver.put("/a", b"lower")
        driver.put("/A", b"upper")
        assert (driver.get("/a"), driver.get("/A")) == (b"lower", b"upper")

    @pytest.mark.parametrize("durable", [True, False])
    def test_put_replaces(self, driver: StorageDriver, *, durable: bool) -> None:
        """The last content counts, though it be shorter."""
        driver.put("/a", b"long content", durable=durable)
        driver.put("/a", b"short", durable=durable)
        assert driver.get("/a") == b"short"
        assert driver.stat("/a").size == len(b"short")

    def test_put_is_atomic(self, driver: StorageDriver) -> None:
        """Whoever reads during a `put` gets the old content or the new, never a part."""
        whole = [bytes([65 + n]) * (10_000 * (n + 1)) for n in range(4)]
        driver.put("/a", whole[0])

        def writes() -> None:
            for n in range(60):
                driver.put("/a", whole[n % 4], durable=False)

        def reads() -> None:
            assert driver.get("/a") in whole
            assert read(driver, "/a") in whole

        while_running(writes, reads, reads)

    def test_an_open_reader_is_not_mixed_up_by_put(self, driver: StorageDriver) -> None:
        """A file replaced while it is read is read to its own end."""
        driver.put("/a", b"a" * 300_000)
        with driver.open("/a") as reader:
            first = reader.read(10)
            driver.put("/a", b"b" * 400_000)
            rest = first + b"".join(iter(lambda: reader.read(100_000), b""))
        assert rest == b"a" * 300_000

    def test_concurrent_puts_leave_one_of_them(self, driver: StorageDriver) -> None:
        """Of many who put at one path at once, one wins whole."""
        whole = [bytes([65 + n]) * (1000 + n) for n in range(8)]
        in_parallel(*(partial(driver.put, "/d/a", each) for each in whole))
        assert driver.get("/d/a") in whole
        assert list(driver.list("/d")) == ["a"]

    def test_put_makes_a_vanished_folder_again(self, driver: StorageDriver) -> None:
        """A `put` succeeds though others delete the folder all the while."""

        def puts() -> None:
            for n in range(100):
                driver.put(f"/d/e/{n % 3}/f", b"content", durable=n % 2 == 0)

        def deletes() -> None:
            for path in ["/d/e", "/d"]:
                with suppress(PathNotFoundError):
                    driver.delete(path)
                time.sleep(0.001)

        while_running(puts, deletes)
        driver.put("/d/e/0/f", b"last")
        assert driver.get("/d/e/0/f") == b"last"

    # --- conditional put ----------------------------------------------------------------------

    def test_put_expecting_nothing_creates(self, driver: StorageDriver) -> None:
        """With `ABSENT`, a file is written where there is none."""
        if refuses_expect(driver):
            return
        driver.put("/a", b"new", expect=ABSENT)
        assert driver.get("/a") == b"new"

    def test_put_expecting_nothing_meets_something(self, driver: StorageDriver) -> None:
        """With `ABSENT`, a file that is there stays as it is, and the error names it."""
        if refuses_expect(driver):
            return
        driver.put("/a", b"old")
        with pytest.raises(ConflictError) as caught:
            driver.put("/a", b"new", expect=ABSENT)
        assert caught.value.path == "/a"
        assert driver.get("/a") == b"old"

    def test_put_expecting_the_version_replaces(self, driver: StorageDriver) -> None:
        """With the version that is there, the file is replaced."""
        if refuses_expect(driver):
            return
        driver.put("/a", b"old")
        driver.put("/a", b"new", expect=driver.stat("/a").version)
        assert driver.get("/a") == b"new"

    def test_put_expecting_an_older_version_conflicts(self, driver: StorageDriver) -> None:
        """With a version that was replaced, nothing is written."""
        if refuses_expect(driver):
            return
        driver.put("/a", b"first")
        version = driver.stat("/a").version
        driver.put("/a", b"other")
        with pytest.raises(ConflictError):
            driver.put("/a", b"third", expect=version)
        assert driver.get("/a") == b"other"

    def test_put_expecting_a_version_meets_nothing(self, driver: StorageDriver) -> None:
        """With a version of what was deleted, nothing is written."""
        if refuses_expect(driver):
            return
        driver.put("/a", b"first")
        version = driver.stat("/a").version
        driver.delete("/a")
        with pytest.raises(ConflictError):
            driver.put("/a", b"second", expect=version)
        assert not exists(driver, "/a")

    def test_one_of_many_conditional_puts_wins(self, driver: StorageDriver) -> None:
        """Of many who expect nothing at once, exactly one writes."""
        if refuses_expect(driver):
            return
        won: list[bytes] = []

        def attempt(content: bytes) -> None:
            try:
                driver.put("/a", content, expect=ABSENT)
            except ConflictError:
                return
            won.append(content)

        in_parallel(*(partial(attempt, bytes([65 + n])) for n in range(8)))
        assert won == [driver.get("/a")]

    # --- readers -------------------------------------------------------------------------------

    @pytest.mark.parametrize("offset", [0, 1, 5, 9, 10])
    def test_open_starts_at_the_offset(self, driver: StorageDriver, offset: int) -> None:
        """A reader begins at any byte, the end included."""
        driver.put("/a", b"0123456789")
        assert read(driver, "/a", offset) == b"0123456789"[offset:]

    @pytest.mark.parametrize(("content", "offset"), [(b"", 1), (b"0123456789", 11), (b"a", 2**40)])
    def test_open_beyond_the_end(self, driver: StorageDriver, content: bytes, offset: int) -> None:
        """A reader cannot begin beyond the end, and the error says where."""
        driver.put("/a", content)
        with pytest.raises(InvalidOffsetError) as caught:
            driver.open("/a", offset)
        assert (caught.value.path, caught.value.offset) == ("/a", offset)

    def test_readers_are_pulled(self, driver: StorageDriver) -> None:
        """A reader gives what is asked for, and nothing at the end."""
        driver.put("/a", b"0123456789")
        with driver.open("/a", 2) as reader:
            pieces = [reader.read(3), reader.read(4), reader.read(3), reader.read(1)]
        assert b"".join(pieces) == b"23456789"
        assert pieces[-1] == b""

    def test_readers_are_independent(self, driver: StorageDriver) -> None:
        """Two readers of one file do not move each other."""
        driver.put("/a", b"0123456789")
        with driver.open("/a") as first, driver.open("/a", 5) as second:
            pieces = first.read(5), second.read(5), first.read(5)
        assert pieces == (b"01234", b"56789", b"56789")

    # --- paths that are wrong, or lead nowhere ---------------------------------------------------

    @pytest.mark.parametrize("path", INVALID_PATHS)
    @pytest.mark.parametrize("call", CALLS)
    def test_refuses_invalid_paths(self, driver: StorageDriver, call: str, path: str) -> None:
        """A malformed path is refused by every method, and the error names it."""
        with pytest.raises(InvalidPathError) as caught:
            CALLS[call](driver, path)
        assert caught.value.path == path

    @pytest.mark.parametrize("call", [call for call in CALLS if call not in TAKING_ROOT])
    def test_refuses_the_root(self, driver: StorageDriver, call: str) -> None:
        """The root is no file, and not to be moved or deleted."""
        driver.put("/a", b"content")
        with pytest.raises(InvalidPathError):
            CALLS[call](driver, ROOT)
        assert driver.get("/a") == b"content"

    @pytest.mark.parametrize("call", NEEDING)
    def test_missing_path_is_not_found(self, driver: StorageDriver, call: str) -> None:
        """Each method that needs something there fails at once, and the error names the path."""
        driver.put("/d/missing-not", b"content")
        with pytest.raises(PathNotFoundError) as caught:
            CALLS[call](driver, "/d/missing")
        assert caught.value.path == "/d/missing"

    @pytest.mark.parametrize("call", NEEDING)
    def test_nothing_is_below_a_file(self, driver: StorageDriver, call: str) -> None:
        """A path that leads through a file is not found."""
        driver.put("/d/file", b"content")
        with pytest.raises(PathNotFoundError):
            CALLS[call](driver, "/d/file/below")

    @pytest.mark.parametrize("call", NEEDING_A_FILE)
    def test_a_directory_is_no_file(self, driver: StorageDriver, call: str) -> None:
        """Each method that needs a file finds none where there is a directory."""
        driver.put("/d/e/f", b"content")
        with pytest.raises(PathNotFoundError) as caught:
            CALLS[call](driver, "/d/e")
        assert caught.value.path == "/d/e"
        assert driver.get("/d/e/f") == b"content"

    @pytest.mark.parametrize("call", ["list", "walk"])
    def test_a_file_is_no_directory(self, driver: StorageDriver, call: str) -> None:
        """Nothing is listed at a file; the failure comes at the call, not while iterating."""
        driver.put("/d/e", b"content")
        with pytest.raises(PathNotFoundError):
            CALLS[call](driver, "/d/e")

    # --- writers ---------------------------------------------------------------------------------

    def test_commit_publishes_all_chunks(self, driver: StorageDriver) -> None:
        """What a writer was given piece by piece is one file, and its size the sum."""
        chunks = [bytes([n]) * (n * 97 % 1000) for n in range(100)]
        writer = driver.writer("/a/b/c")
        for chunk in chunks:
            writer.write(chunk)
        size = writer.size
        writer.commit()
        assert driver.get("/a/b/c") == b"".join(chunks)
        assert size == len(b"".join(chunks))

    @pytest.mark.parametrize("durable", [True, False])
    def test_commit_of_nothing_is_an_empty_file(
        self, driver: StorageDriver, *, durable: bool
    ) -> None:
        """A writer that was given nothing makes a file of no bytes."""
        driver.writer("/a").commit(durable=durable)
        assert driver.get("/a") == b""

    def test_commit_replaces(self, driver: StorageDriver) -> None:
        """A file written anew has nothing of the old content."""
        driver.put("/a", b"old and longer")
        write(driver, "/a", b"new")
        assert driver.get("/a") == b"new"

    def test_uncommitted_content_is_invisible(self, driver: StorageDriver) -> None:
        """Nothing is at the path before the commit; in place, what was written so far is."""
        writer = driver.writer("/a")
        writer.write(b"new")
        if driver.properties.in_place_writes:
            assert driver.get("/a") == b"new"
        else:
            assert not exists(driver, "/a")
        writer.cancel()

    def test_uncommitted_content_leaves_the_old(self, driver: StorageDriver) -> None:
        """The old content is read until the commit; in place, it is gone."""
        driver.put("/a", b"old")
        writer = driver.writer("/a")
        writer.write(b"new")
        before = driver.get("/a")
        writer.commit()
        assert before == (b"new" if driver.properties.in_place_writes else b"old")
        assert driver.get("/a") == b"new"

    def test_suspended_content_is_invisible(self, driver: StorageDriver) -> None:
        """Suspending publishes nothing; in place, what was written is in sight."""
        suspended = resume(driver, "/a", b"content")
        assert exists(driver, "/a") == driver.properties.in_place_writes
        finish(driver, "/a", suspended)
        assert driver.get("/a") == b"content"

    def test_resumes_from_text(self, driver: StorageDriver) -> None:
        """A writer goes on from a state and a tail that were written down as JSON and hex."""
        suspended = resume(driver, "/a", b"one ")
        suspended = resume(driver, "/a", b"two ", suspended)
        finish(driver, "/a", resume(driver, "/a", b"three", suspended))
        assert driver.get("/a") == b"one two three"

    def test_resumes_many_times(self, driver: StorageDriver) -> None:
        """Nothing is lost or doubled over many small steps, empty ones too."""
        chunks = [bytes([n]) * (n % 7) for n in range(60)]
        suspended = ""
        for chunk in chunks:
            suspended = resume(driver, "/a", chunk, suspended)
        finish(driver, "/a", suspended)
        assert driver.get("/a") == b"".join(chunks)

    def test_resumes_large_and_small(self, driver: StorageDriver) -> None:
        """Steps above and below the backend's smallest part may follow in any order."""
        unit = max(driver.properties.minimum_part, 1000)
        chunks = [b"a" * 10, b"b" * (2 * unit + 1), b"c", b"d" * unit, b"e" * (unit - 1), b"f"]
        suspended = ""
        for chunk in chunks:
            suspended = resume(driver, "/a", chunk, suspended)
        finish(driver, "/a", suspended)
        assert driver.get("/a") == b"".join(chunks)

    def test_size_counts_every_step(self, driver: StorageDriver) -> None:
        """A resumed writer's size is of all that was written, the tail included."""
        state, tail = json.loads(resume(driver, "/a", b"0123456"))
        writer = driver.writer("/a", state, bytes.fromhex(tail))
        resumed = writer.size
        writer.write(b"789")
        grown = writer.size
        writer.cancel()
        assert (resumed, grown) == (7, 10)

    def test_resume_drops_what_came_after_the_state(self, driver: StorageDriver) -> None:
        """Bytes written after the state are gone: whoever wrote them died before it told."""
        suspended = resume(driver, "/a", b"kept ")
        resume(driver, "/a", b"lost, and longer than what follows", suspended)
        finish(driver, "/a", resume(driver, "/a", b"too", suspended))
        assert driver.get("/a") == b"kept too"

    def test_resume_of_what_is_gone(self, driver: StorageDriver) -> None:
        """A state whose content was cancelled is not found, and the error names the path."""
        state, tail = json.loads(resume(driver, "/a", b"content"))
        driver.writer("/a", state, bytes.fromhex(tail)).cancel()
        with pytest.raises(PathNotFoundError) as caught:
            driver.writer("/a", state, bytes.fromhex(tail))
        assert caught.value.path == "/a"

    def test_cancel_leaves_nothing(self, driver: StorageDriver) -> None:
        """A cancelled file never was; parts of earlier steps are discarded too."""
        driver.put("/d/other", b"content")
        state, tail = json.loads(resume(driver, "/d/a", b"content"))
        writer = driver.writer("/d/a", state, bytes.fromhex(tail))
        writer.write(b"more")
        writer.cancel()
        assert list(driver.list("/d")) == ["other"]

    def test_cancel_keeps_the_old_content(self, driver: StorageDriver) -> None:
        """What was published before stays; in place, it went when the writer began."""
        driver.put("/a", b"old")
        writer = driver.writer("/a")
        writer.write(b"new")
        writer.cancel()
        if driver.properties.in_place_writes:
            assert not exists(driver, "/a")
        else:
            assert driver.get("/a") == b"old"

    def test_writers_of_different_paths_do_not_meet(self, driver: StorageDriver) -> None:
        """Files written at once by many threads each hold their own content."""
        names = [f"{n}" for n in range(8)]

        def fill(name: str) -> None:
            suspended = ""
            for n in range(5):
                suspended = resume(driver, f"/d/{name}", f"{name}:{n};".encode() * 50, suspended)
            finish(driver, f"/d/{name}", suspended)

        in_parallel(*(partial(fill, name) for name in names))
        for name in names:
            expected = b"".join(f"{name}:{n};".encode() * 50 for n in range(5))
            assert driver.get(f"/d/{name}") == expected

    def test_writers_of_one_path_leave_one_of_them(self, driver: StorageDriver) -> None:
        """Of many who write one path at once, one wins whole; in place, others may be refused."""
        whole = [bytes([65 + n]) * (50_000 + n) for n in range(4)]

        def attempt(content: bytes) -> None:
            try:
                write(driver, "/d/a", content)
            except ConflictError:
                assert driver.properties.in_place_writes

        in_parallel(*(partial(attempt, each) for each in whole))
        assert driver.get("/d/a") in whole
        assert list(driver.list("/d")) == ["a"]

    # --- stat and touch --------------------------------------------------------------------------

    def test_stat_of_a_file(self, driver: StorageDriver) -> None:
        """A file has a path, a size, and a time in UTC."""
        driver.put("/d/a", b"content")
        info = driver.stat("/d/a")
        assert (info.path, info.size, info.is_dir) == ("/d/a", 7, False)
        assert info.modified.utcoffset() == timedelta(0)
        assert abs(datetime.now(UTC) - info.modified) < timedelta(hours=1)

    @pytest.mark.parametrize("path", ["/d/e", "/d", ROOT])
    def test_stat_of_a_directory(self, driver: StorageDriver, path: str) -> None:
        """Whatever has files below is a directory, and has no size; the root too."""
        driver.put("/d/e/a", b"content")
        info = driver.stat(path)
        assert (info.path, info.size, info.is_dir) == (path, 0, True)
        assert info.modified.utcoffset() == timedelta(0)

    def test_version_changes_with_the_content(self, driver: StorageDriver) -> None:
        """A version stays while nothing is written, and another content has another."""
        if refuses_expect(driver):
            return
        versions = []
        for content in [b"one", b"two", b"six"]:
            driver.put("/a", content)
            versions.append(driver.stat("/a").version)
            assert driver.stat("/a").version == versions[-1]
        assert len(set(versions) - {ABSENT}) == 3

    def test_touch(self, driver: StorageDriver) -> None:
        """Touching makes the time now, where the backend can; elsewhere it does nothing."""
        driver.put("/a", b"content")
        before = driver.stat("/a")
        time.sleep(0.05)
        driver.touch("/a")
        after = driver.stat("/a")
        assert (after.modified > before.modified) == driver.properties.touch
        assert driver.get("/a") == b"content"

    # --- list ------------------------------------------------------------------------------------

    def test_list_is_in_order_of_bare_names(self, driver: StorageDriver) -> None:
        """Directories sort as their names do, not as their names with a slash behind."""
        for name in reversed(SIBLINGS):
            driver.put(f"/d/{name}/f", b"")
        assert list(driver.list("/d")) == SIBLINGS

    def test_list_pages_one_by_one(self, driver: StorageDriver) -> None:
        """Going on behind each name in turn finds every name once."""
        for name in SIBLINGS:
            driver.put(f"/d/{name}/f", b"")
            driver.put(f"/d/{name}/g/h", b"")
        assert list(pages(driver, "/d")) == SIBLINGS

    def test_list_mixes_files_and_directories(self, driver: StorageDriver) -> None:
        """Files and directories stand in one order, by code point."""
        names = sorted(["1.0", "1.0-alpine", "1.0.1", "1.00", "A", "Z", "_x", "a", "link", "z-"])
        for n, name in enumerate(names):
            driver.put(f"/d/{name}/f" if n % 2 else f"/d/{name}", b"")
        assert list(driver.list("/d")) == names
        assert list(pages(driver, "/d")) == names

    @pytest.mark.parametrize("after", ["", "a", "a-", "a-b", "a-z", "a/", "aa", "ab", "b", "A"])
    def test_list_goes_on_behind_any_name(self, driver: StorageDriver, after: str) -> None:
        """Only names beyond ``after`` are listed, whether or not it is one of them."""
        for name in SIBLINGS:
            driver.put(f"/d/{name}/f", b"")
        assert list(driver.list("/d", after)) == [name for name in SIBLINGS if name > after]

    def test_list_names_direct_children(self, driver: StorageDriver) -> None:
        """Each child is named once, however much is below it, and nothing deeper."""
        for path in ["/d/a/1", "/d/a/2", "/d/a/b/3", "/d/b", "/dd/c", "/d-e/f"]:
            driver.put(path, b"")
        assert list(driver.list("/d")) == ["a", "b"]
        assert list(driver.list(ROOT)) == ["d", "d-e", "dd"]

    def test_list_streams(self, driver: StorageDriver) -> None:
        """Names come one by one, and need not be taken to the end."""
        for name in SIBLINGS:
            driver.put(f"/d/{name}", b"")
        names = driver.list("/d")
        assert iter(names) is names
        assert next(names) == "a"

    def test_list_of_more_than_a_page(self, driver: StorageDriver) -> None:
        """More children than a backend tells at once are all listed, in order."""
        names = [f"{n:04}" for n in range(1050)]
        for name in names:
            driver.put(f"/d/{name}", b"", durable=False)
        assert list(driver.list("/d")) == names
        assert list(driver.list("/d", "0999")) == names[1000:]

    def test_list_sees_each_change(self, driver: StorageDriver) -> None:
        """What was just written is listed, what was just deleted is not."""
        driver.put("/d/a", b"")
        first = list(driver.list("/d"))
        driver.put("/d/b", b"")
        second = list(driver.list("/d"))
        driver.delete("/d/a")
        third = list(driver.list("/d"))
        assert (first, second, third) == (["a"], ["a", "b"], ["b"])

    # --- walk ------------------------------------------------------------------------------------

    @pytest.fixture
    def tree(self, driver: StorageDriver) -> list[str]:
        """Fill the driver; return the paths below ``/w`` in component-wise order."""
        paths = ["/w/a/1", "/w/a/b/2", "/w/a-b/3", "/w/a.b", "/w/a0/4", "/w/ab/c/5", "/w/z"]
        for path in [*reversed(paths), "/wx/no", "/w-/no"]:
            driver.put(path, path.encode(), durable=False)
        return sorted(paths, key=components)

    def test_walk_is_in_component_wise_order(self, driver: StorageDriver, tree: list[str]) -> None:
        """Every file below is met once; a directory's files before its longer-named sibling's."""
        assert [info.path for info in driver.walk("/w")] == tree

    def test_walk_from_the_root(self, driver: StorageDriver, tree: list[str]) -> None:
        """From the root, every file is met."""
        assert [info.path for info in driver.walk(ROOT)] == [*tree, "/w-/no", "/wx/no"]

    def test_walk_describes_files(self, driver: StorageDriver, tree: list[str]) -> None:
        """What a walk tells of a file is what `stat` tells."""
        assert list(driver.walk("/w")) == [driver.stat(path) for path in tree]

    @pytest.mark.parametrize(
        "after",
        ["/w/a", "/w/a/1", "/w/a/b/2", "/w/a/z", "/w/a-b", "/w/a.b", "/w/a/b/c/d", "/w/", "/x"],
    )
    def test_walk_goes_on_behind_any_path(
        self, driver: StorageDriver, tree: list[str], after: str
    ) -> None:
        """Only files beyond ``after`` are met, whether or not it is there."""
        expected = [path for path in tree if components(path) > components(after)]
        assert [info.path for info in driver.walk("/w", after)] == expected

    def test_walk_prunes(self, driver: StorageDriver, tree: list[str]) -> None:
        """Each directory is asked about, and those refused are not entered."""
        asked: list[str] = []

        def prune(path: str) -> bool:
            asked.append(path)
            return path in {"/w/a", "/w/ab/c"}

        met = [info.path for info in driver.walk("/w", prune=prune)]
        assert met == [path for path in tree if not path.startswith(("/w/a/", "/w/ab/c/"))]
        assert asked == ["/w/a", "/w/a-b", "/w/a0", "/w/ab", "/w/ab/c"]

    def test_walk_goes_on_when_files_vanish(self, driver: StorageDriver, tree: list[str]) -> None:
        """Files deleted during a walk do not break it, nor hide those that stay."""
        walk = driver.walk("/w")
        first = next(walk).path
        driver.delete("/w/ab")
        driver.delete("/w/a-b/3")
        stay = [path for path in tree if exists(driver, path)]
        met = [first, *(info.path for info in walk)]
        assert [path for path in met if path in stay] == stay

    # --- move ------------------------------------------------------------------------------------

    def test_move_makes_the_target_what_the_source_was(self, driver: StorageDriver) -> None:
        """After a move the content is at the target, and the source is gone."""
        content = b"0123456789abcdef" * 100_000
        write(driver, "/from/a", content)
        driver.move("/from/a", "/to/some/where/else")
        assert driver.get("/to/some/where/else") == content
        assert not exists(driver, "/from/a")

    def test_move_replaces(self, driver: StorageDriver) -> None:
        """What was at the target is gone, though it be longer."""
        driver.put("/from", b"new")
        driver.put("/to", b"old and longer")
        driver.move("/from", "/to")
        assert driver.get("/to") == b"new"

    def test_move_to_itself_keeps(self, driver: StorageDriver) -> None:
        """A file moved to its own place is still there."""
        driver.put("/a", b"content")
        driver.move("/a", "/a")
        assert driver.get("/a") == b"content"

    def test_move_of_nothing_keeps_the_target(self, driver: StorageDriver) -> None:
        """A move without a source names the source, and leaves the target as it was."""
        driver.put("/to", b"old")
        with pytest.raises(PathNotFoundError) as caught:
            driver.move("/from", "/to")
        assert caught.value.path == "/from"
        assert driver.get("/to") == b"old"

    def test_move_leaves_siblings(self, driver: StorageDriver) -> None:
        """A file whose name begins with the source's stays where it is."""
        driver.put("/d/a", b"moved")
        driver.put("/d/ab", b"stays")
        driver.move("/d/a", "/d/c")
        assert list(driver.list("/d")) == ["ab", "c"]

    def test_move_is_atomic(self, driver: StorageDriver) -> None:
        """Whoever reads the target during a move gets the old content or the new."""
        if not driver.properties.atomic_move:
            pytest.skip("properties.atomic_move is false: between copy and delete both are there")
        whole = [bytes([65 + n]) * (10_000 * (n + 1)) for n in range(4)]
        driver.put("/to", whole[0])

        def moves() -> None:
            for n in range(40):
                driver.put("/from", whole[n % 4], durable=False)
                driver.move("/from", "/to")

        def reads() -> None:
            assert driver.get("/to") in whole

        while_running(moves, reads, reads)

    # --- delete ----------------------------------------------------------------------------------

    def test_delete_of_a_file(self, driver: StorageDriver) -> None:
        """A deleted file is gone; a second delete finds nothing."""
        driver.put("/d/a", b"content")
        driver.delete("/d/a")
        assert not exists(driver, "/d/a")
        with pytest.raises(PathNotFoundError):
            driver.delete("/d/a")

    def test_delete_is_recursive(self, driver: StorageDriver) -> None:
        """A deleted directory is gone with all that was below."""
        for path in ["/d/e/a", "/d/e/f/b", "/d/e/f/g/c", "/d/h"]:
            driver.put(path, b"")
        driver.delete("/d/e")
        assert [info.path for info in driver.walk(ROOT)] == ["/d/h"]
        with pytest.raises(PathNotFoundError):
            driver.list("/d/e")

    @pytest.mark.parametrize("doomed", ["/d/a", "/d/a/f"])
    def test_delete_leaves_siblings(self, driver: StorageDriver, doomed: str) -> None:
        """Nothing goes but the path and what is below it, though names begin alike."""
        for name in SIBLINGS:
            driver.put(f"/d/{name}/f", b"")
        driver.put("/d/a-file", b"")
        driver.delete(doomed)
        assert [info.path for info in driver.walk("/d")] == [
            *["/d/a-b/f", "/d/a-file", "/d/a.b/f", "/d/a0/f", "/d/ab/f"]
        ]

    def test_delete_of_a_mere_prefix(self, driver: StorageDriver) -> None:
        """What other names begin with is no path: nothing is found, and nothing goes."""
        driver.put("/d/ab/f", b"content")
        with pytest.raises(PathNotFoundError):
            driver.delete("/d/a")
        assert driver.get("/d/ab/f") == b"content"

    def test_deleted_paths_can_be_written_again(self, driver: StorageDriver) -> None:
        """A path has no memory."""
        driver.put("/d/a", b"old")
        driver.delete("/d")
        write(driver, "/d/a", b"new")
        assert driver.get("/d/a") == b"new"

    # --- the rest --------------------------------------------------------------------------------

    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    def test_url(self, driver: StorageDriver, method: str) -> None:
        """An address is given where the backend redirects, and none elsewhere."""
        driver.put("/a", b"content")
        url = driver.url("/a", method, timedelta(minutes=1))
        assert (url is not None) == driver.properties.redirect
        assert url is None or url.startswith(("http://", "https://"))

    def test_observer_is_told_of_each_call(self, driver: StorageDriver) -> None:
        """Whoever listens hears the action and its seconds, of calls that fail too."""
        heard: list[tuple[str, float]] = []
        driver.observer = lambda action, seconds: heard.append((action, seconds))
        write(driver, "/a", b"content")
        driver.get("/a")
        with pytest.raises(DriverError):
            driver.stat("/missing")
        assert [action for action, _ in heard] == [
            *["Writer", "Write", "Commit", "GetContent", "Stat"]
        ]
        assert all(0 <= seconds < 60 for _, seconds in heard)

    def test_names_itself(self, driver: StorageDriver) -> None:
        """A driver has a name by which a configuration can call it."""
        assert driver.name.isidentifier()

    def test_versions_of_a_moment_differ(self, driver: StorageDriver) -> None:
        """Contents of one size written in quick succession still have versions of their own."""
        if refuses_expect(driver):
            return
        versions = []
        for n in range(20):
            driver.put("/a", b"%02d" % n, durable=False)
            versions.append(driver.stat("/a").version)
        assert all(old != new for old, new in pairwise(versions))
