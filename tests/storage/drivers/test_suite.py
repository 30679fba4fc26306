"""The suite bites: a driver that breaks one promise fails the test named after it."""

import inspect
import time

import pytest

from distribution.errors import DriverError
from distribution.storage.drivers.base import ROOT, FileInfo, Properties, components
from distribution.storage.drivers.memory import MemoryDriver, _File, _MemoryWriter
from distribution.storage.drivers.testing import DriverSuite


class WritesInPieces(MemoryDriver):
    """`put` lets readers see half of the content."""

    def _put(self, path, content, *, expect, durable):
        super()._put(path, content[: len(content) // 2], expect=expect, durable=durable)
        time.sleep(0.001)
        super()._put(path, content, expect=None, durable=durable)


class WritesThenChecks(MemoryDriver):
    """A conditional put that conflicts has written all the same."""

    def _put(self, path, content, *, expect, durable):
        before = self._files.get(path)
        super()._put(path, content, expect=None, durable=durable)
        if expect is not None and expect != ("" if before is None else before.version):
            raise FileExistsError(path)


class ClaimsConditionalPut(MemoryDriver):
    """`expect` is taken, and ignored."""

    def _put(self, path, content, *, expect, durable):
        super()._put(path, content, expect=None, durable=durable)


class DeletesByPrefix(MemoryDriver):
    """`delete` takes every key that begins with the path."""

    def _delete(self, path):
        doomed = [p for p in self._files if p.startswith(path)]
        if not doomed:
            raise FileNotFoundError(path)
        for each in doomed:
            del self._files[each]


class DeletesFilesOnly(MemoryDriver):
    """`delete` of a directory is silent, and does nothing."""

    def _delete(self, path):
        self._files.pop(path, None)


class ListsInKeyOrder(MemoryDriver):
    """Directories are listed as a bucket has them: with a slash behind."""

    def _list(self, path, after):
        names = list(super()._list(path, after))
        prefix = "" if path == ROOT else path
        folders = {name for name in names if f"{prefix}/{name}" not in self._files}
        return iter(sorted(names, key=lambda name: f"{name}/" if name in folders else name))


class PagesInKeyOrder(ListsInKeyOrder):
    """As above, and a page begins where the key order says."""

    def _list(self, path, after):
        names = super()._list(path, None)
        return (name for name in names if after is None or f"{name}/" > f"{after}/")


class ListsDeeper(MemoryDriver):
    """Every file below is listed as a child."""

    def _list(self, path, after):
        prefix = "/" if path == ROOT else f"{path}/"
        names = sorted(p[len(prefix) :] for p in self._files if p.startswith(prefix))
        if not names:
            raise FileNotFoundError(path)
        return iter(name for name in names if after is None or name > after)


class ListsLate(MemoryDriver):
    """A missing directory is told while iterating."""

    def _list(self, path, after):
        yield from super()._list(path, after)


class ListsAfterInclusive(MemoryDriver):
    """`after` itself is listed once more."""

    def _list(self, path, after):
        names = super()._list(path, None)
        return (name for name in names if after is None or name >= after)


class WalksByKeys(MemoryDriver):
    """`walk` goes in the order of whole paths."""

    def _walk(self, path, after, prune):
        return iter(sorted(super()._walk(path, after, prune), key=lambda info: info.path))


class WalksEverything(MemoryDriver):
    """`walk` asks `prune`, and does not listen."""

    def _walk(self, path, after, prune):
        return super()._walk(path, after, prune and (lambda folder: prune(folder) and False))


class WalksCarelessly(MemoryDriver):
    """`walk` takes a file deleted meanwhile for a failure."""

    def _walk(self, path, after, prune):
        found = sorted(super()._walk(path, after, prune), key=lambda info: components(info.path))
        return (self._stat(info.path) for info in found)


class ReadsLate(MemoryDriver):
    """`open` of nothing gives a reader of nothing."""

    def _open(self, path, offset):
        self._files.setdefault(path, _File(b"", self._stat(ROOT).modified, "0"))
        return super()._open(path, offset)


class ClampsOffsets(MemoryDriver):
    """`open` beyond the end reads nothing."""

    def _open(self, path, offset):
        return super()._open(path, min(offset, len(self._file(path).content)))


class MovesByTarget(MemoryDriver):
    """A failed `move` names the target."""

    def _move(self, source, target):
        if source not in self._files:
            raise DriverError(target)
        super()._move(source, target)


class MovesWithoutRemoving(MemoryDriver):
    """`move` copies."""

    def _move(self, source, target):
        self._files[target] = self._file(source)


class MovesInTwoSteps(MemoryDriver):
    """`move` deletes the target first."""

    def _move(self, source, target):
        if source != target:
            self._files.pop(target, None)
        time.sleep(0.001)
        super()._move(source, target)


class PublishesEarly(MemoryDriver):
    """Suspended content is in sight, though the properties deny it."""

    def _writer(self, path, state, tail):
        writer = super()._writer(path, state, tail)
        super()._put(path, bytes(writer._buffer), expect=None, durable=True)
        return writer


class HidesNothing(MemoryDriver):
    """The properties claim writes in place, which is not so."""

    @property
    def properties(self):
        return Properties(touch=True, conditional_put=True, in_place_writes=True)


class ClaimsRedirect(MemoryDriver):
    """The properties claim addresses; there are none."""

    @property
    def properties(self):
        return Properties(touch=True, conditional_put=True, redirect=True)


class KeepsTail(MemoryDriver):
    """A writer resumed forgets the tail."""

    def __init__(self):
        super().__init__(minimum_part=5)

    def _writer(self, path, state, tail):
        return super()._writer(path, state, b"")


class GoesOnFromTheEnd(MemoryDriver):
    """A writer resumed keeps what was written after its state."""

    def _writer(self, path, state, tail):
        if state is not None and state["part"] in self._parts:
            state = {**state, "size": len(self._parts[state["part"]])}
        return super()._writer(path, state, tail)


class CancelsHalf(MemoryDriver):
    """`cancel` publishes."""

    def _writer(self, path, state, tail):
        driver = self

        class Writer(_MemoryWriter):
            def _cancel(self):
                driver._files[self._path] = _File(bytes(self._buffer), driver._now(), "0")

        found = super()._writer(path, state, tail)
        return Writer(self, path, found._part, bytes(found._buffer))

    def _now(self):
        return max((file.modified for file in self._files.values()), default=None)


class StatsLocalTime(MemoryDriver):
    """Times have no zone."""

    def _stat(self, path):
        found = super()._stat(path)
        return FileInfo(
            path, found.size, found.modified.replace(tzinfo=None), found.is_dir, found.version
        )


class StatsFilesOnly(MemoryDriver):
    """A directory is not there."""

    def _stat(self, path):
        found = super()._stat(path)
        if found.is_dir:
            raise FileNotFoundError(path)
        return found


class ForgetsTouch(MemoryDriver):
    """`touch` does nothing, though the properties promise it."""

    def _touch(self, path):
        self._file(path)


class OneVersion(MemoryDriver):
    """All contents have one version."""

    def _stat(self, path):
        found = super()._stat(path)
        return FileInfo(path, found.size, found.modified, found.is_dir, "1")


class ChecksNothing(MemoryDriver):
    """`get` overrides the public method, and with it the check of paths."""

    def get(self, path):
        return self._get(path) if path in self._files else b""


BROKEN = [
    (WritesInPieces, "test_put_is_atomic"),
    (WritesThenChecks, "test_put_expecting_nothing_meets_something"),
    (WritesThenChecks, "test_put_expecting_an_older_version_conflicts"),
    (ClaimsConditionalPut, "test_put_expecting_nothing_meets_something"),
    (ClaimsConditionalPut, "test_put_expecting_a_version_meets_nothing"),
    (ClaimsConditionalPut, "test_one_of_many_conditional_puts_wins"),
    (DeletesByPrefix, "test_delete_leaves_siblings"),
    (DeletesByPrefix, "test_delete_of_a_mere_prefix"),
    (DeletesFilesOnly, "test_delete_is_recursive"),
    (ListsInKeyOrder, "test_list_is_in_order_of_bare_names"),
    (PagesInKeyOrder, "test_list_pages_one_by_one"),
    (ListsDeeper, "test_list_names_direct_children"),
    (ListsAfterInclusive, "test_list_goes_on_behind_any_name"),
    (ListsLate, "test_a_file_is_no_directory"),
    (WalksByKeys, "test_walk_is_in_component_wise_order"),
    (WalksEverything, "test_walk_prunes"),
    (WalksCarelessly, "test_walk_goes_on_when_files_vanish"),
    (ReadsLate, "test_missing_path_is_not_found"),
    (ClampsOffsets, "test_open_beyond_the_end"),
    (MovesByTarget, "test_move_of_nothing_keeps_the_target"),
    (MovesWithoutRemoving, "test_move_makes_the_target_what_the_source_was"),
    (MovesInTwoSteps, "test_move_is_atomic"),
    (PublishesEarly, "test_uncommitted_content_is_invisible"),
    (HidesNothing, "test_suspended_content_is_invisible"),
    (ClaimsRedirect, "test_url"),
    (KeepsTail, "test_resumes_many_times"),
    (GoesOnFromTheEnd, "test_resume_drops_what_came_after_the_state"),
    (CancelsHalf, "test_cancel_keeps_the_old_content"),
    (StatsLocalTime, "test_stat_of_a_file"),
    (StatsFilesOnly, "test_stat_of_a_directory"),
    (ForgetsTouch, "test_touch"),
    (OneVersion, "test_version_changes_with_the_content"),
    (ChecksNothing, "test_refuses_invalid_paths"),
]

#: What the parametrised tests are called with.
GIVEN = {
    "content": b"",
    "offset": 1,
    "call": "open",
    "path": "/d",
    "doomed": "/d/a",
    "after": "a",
    "method": "GET",
}


def run(name, driver):
    """Call a test of the suite as pytest would."""
    suite = DriverSuite()
    test = getattr(suite, name)
    given = dict(GIVEN)
    if name == "test_a_file_is_no_directory":
        given["call"] = "list"
    if name == "test_refuses_invalid_paths":
        given |= {"call": "get", "path": "/a/../b"}
    wanted = inspect.signature(test).parameters
    arguments = {key: value for key, value in given.items() if key in wanted}
    if "tree" in wanted:
        arguments["tree"] = DriverSuite.tree.__wrapped__(suite, driver)
    test(driver, **arguments)


@pytest.mark.parametrize(
    ("broken", "name"), [pytest.param(*each, id=f"{each[0].__name__}-{each[1]}") for each in BROKEN]
)
def test_a_broken_promise_fails_its_test(broken, name):
    """The driver that breaks the promise fails the test, and the sound one passes it."""
    run(name, MemoryDriver())
    with pytest.raises((AssertionError, pytest.fail.Exception, DriverError)):
        run(name, broken())
