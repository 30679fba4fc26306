"""The guard and the claims: among threads, among processes, and when a holder dies."""

import multiprocessing
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from distribution.errors import DriverError, UploadBusyError
from distribution.storage.claims import FileClaims, ThreadClaims
from distribution.storage.guard import FileGuard, ThreadGuard

SECONDS = 20
SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture(params=["file", "thread"])
def guard(request, tmp_path):
    """A guard shared by threads, of either kind."""
    return FileGuard(tmp_path / "deep" / "locks") if request.param == "file" else ThreadGuard()


@pytest.fixture(params=["file", "thread"])
def claims(request, tmp_path):
    return FileClaims(tmp_path / "deep" / "claims") if request.param == "file" else ThreadClaims()


def held_elsewhere(hold):
    """Hold what *hold* gives in a thread; return when it is held, and how to let go."""
    holding, release = threading.Event(), threading.Event()

    def run():
        with hold():
            holding.set()
            assert release.wait(SECONDS)

    thread = threading.Thread(target=run)
    thread.start()
    assert holding.wait(SECONDS)

    def let_go():
        release.set()
        thread.join(SECONDS)

    return let_go


def waits(hold):
    """Say whether *hold* must wait now; and let it pass once it may."""
    got = threading.Event()

    def run():
        with hold():
            got.set()

    thread = threading.Thread(target=run)
    thread.start()
    waited = not got.wait(0.1)
    return waited, thread


@pytest.mark.parametrize(
    ("first", "second", "excluded"),
    [
        ("shared", "shared", False),
        ("shared", "exclusive", True),
        ("exclusive", "shared", True),
        ("exclusive", "exclusive", True),
    ],
)
def test_who_waits_for_whom(guard, first, second, excluded):
    """Many share, or one excludes; whoever waited goes on when the other ends."""
    let_go = held_elsewhere(getattr(guard, first))
    waited, thread = waits(getattr(guard, second))
    let_go()
    thread.join(SECONDS)
    assert waited == excluded
    assert not thread.is_alive()


@pytest.mark.parametrize("way", ["shared", "exclusive"])
def test_a_failure_lets_go(guard, way):
    """Whoever fails while holding the guard holds it no longer."""
    with pytest.raises(ZeroDivisionError), getattr(guard, way)():
        raise ZeroDivisionError
    with guard.exclusive():
        pass


def test_sharers_cannot_starve_an_excluder(guard):
    """A storm of overlapping sharers lets the one through who wants them all gone."""
    done = threading.Event()

    def storm():
        while not done.is_set():
            with guard.shared():
                time.sleep(0.005)

    with ThreadPoolExecutor(8) as pool:
        for _ in range(8):
            pool.submit(storm)
        time.sleep(0.05)
        start = time.monotonic()
        for _ in range(10):
            with guard.exclusive():
                pass
        waited = time.monotonic() - start
        done.set()
    assert waited < SECONDS / 2


def test_lock_files_that_cannot_be_made(tmp_path):
    """A disk that takes no lock file is a failure of storage, not a bug."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DriverError, match="lock file"), FileGuard(tmp_path / "file" / "x").shared():
        pass
    with pytest.raises(DriverError), FileClaims(tmp_path / "file" / "x").claim("id"):
        pass


def test_guard_gives_its_descriptors_back(tmp_path):
    """Holding and letting go leaves nothing open."""
    guard = FileGuard(tmp_path)
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    for _ in range(20):
        with guard.shared(), guard.shared():
            pass
        with guard.exclusive():
            pass
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


# --- claims ------------------------------------------------------------------------------


def test_one_holder_at_a_time(claims):
    """A second claim on a session fails at once; one on another does not."""
    with claims.claim("a"):
        with pytest.raises(UploadBusyError) as caught, claims.claim("a"):
            pass
        with claims.claim("b"):
            pass
    assert caught.value.upload == "a"
    with claims.claim("a"):
        pass


def test_claim_ends_with_a_failure(claims):
    """Whoever fails while holding a claim holds it no longer."""
    with pytest.raises(ZeroDivisionError), claims.claim("a"):
        raise ZeroDivisionError
    with claims.claim("a"):
        pass


def test_many_threads_never_hold_one_claim_together(claims):
    """Under a storm of attempts two holders never overlap, and some succeed."""
    inside, wins, overlaps = [], [], []

    def attempt(number):
        for _ in range(100):
            try:
                with claims.claim("a"):
                    inside.append(number)
                    overlaps.append(len(inside) > 1)
                    inside.remove(number)
                    wins.append(number)
            except UploadBusyError:
                continue

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(attempt, range(6)))
    assert wins
    assert not any(overlaps)


def test_claims_leave_no_files(tmp_path):
    """A claim that ended has left nothing in the folder."""
    claims = FileClaims(tmp_path)
    with claims.claim("a"):
        assert [each.name for each in tmp_path.iterdir()] == ["a"]
    assert list(tmp_path.iterdir()) == []


# --- across processes ---------------------------------------------------------------------


def hold_for_ever(kind, folder, pipe):
    """Hold a claim or the guard in a process of its own until it is killed."""
    hold = FileClaims(folder).claim("a") if kind == "claim" else getattr(FileGuard(folder), kind)()
    with hold:
        pipe.send("held")
        time.sleep(600)


@pytest.fixture
def holder(tmp_path):
    """Start a process that holds something; return it when it does."""
    started = []

    def start(kind):
        ours, theirs = SPAWN.Pipe()
        process = SPAWN.Process(target=hold_for_ever, args=(kind, tmp_path, theirs))
        process.start()
        started.append(process)
        assert ours.poll(SECONDS)
        return process

    yield start
    for process in started:
        process.kill()
        process.join(SECONDS)


def kill(process):
    os.kill(process.pid, signal.SIGKILL)
    process.join(SECONDS)


def test_claim_of_another_process(tmp_path, holder):
    """A claim holds for all processes, and `kill -9` of its holder frees it."""
    process = holder("claim")
    with pytest.raises(UploadBusyError), FileClaims(tmp_path).claim("a"):
        pass
    kill(process)
    with FileClaims(tmp_path).claim("a"):
        pass


@pytest.mark.parametrize("kind", ["shared", "exclusive"])
def test_guard_of_another_process(tmp_path, holder, kind):
    """The guard holds for all processes, and `kill -9` of its holder frees it."""
    process = holder(kind)
    waited, thread = waits(FileGuard(tmp_path).exclusive)
    kill(process)
    thread.join(SECONDS)
    assert waited
    assert not thread.is_alive()
