import errno
import os
import stat
from pathlib import Path

import pytest

from distribution.errors import (
    ConfigurationError,
    DriverError,
    InvalidOffsetError,
    PathNotFoundError,
)
from distribution.storage.drivers import filesystem
from distribution.storage.drivers.filesystem import FilesystemDriver
from distribution.storage.drivers.testing import DriverSuite


class TestFilesystemDriver(DriverSuite):
    @pytest.fixture
    def driver(self, tmp_path):
        return FilesystemDriver(tmp_path)


class TestFilesystemDriverWithoutSync(DriverSuite):
    @pytest.fixture
    def driver(self, tmp_path):
        return FilesystemDriver(tmp_path, sync=False)


@pytest.fixture
def driver(tmp_path):
    return FilesystemDriver(tmp_path)


def files(folder):
    return sorted(str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file())


# --- where things lie ------------------------------------------------------------------------


def test_paths_are_files_below_the_root(driver, tmp_path):
    """A driver's path is the file's, nothing beside it."""
    driver.put("/docker/registry/v2/a", b"content")
    assert files(tmp_path) == ["docker/registry/v2/a"]
    assert (tmp_path / "docker/registry/v2/a").read_bytes() == b"content"


def test_root_is_made_when_something_is_written(tmp_path):
    """To name a folder does not make it."""
    driver = FilesystemDriver(tmp_path / "deep" / "root")
    with pytest.raises(PathNotFoundError):
        driver.list("/")
    driver.put("/a", b"content")
    assert (tmp_path / "deep" / "root" / "a").exists()


def test_relative_root_stays_where_it_was(tmp_path, monkeypatch):
    """The folder is the one meant at the start, though the process moves."""
    monkeypatch.chdir(tmp_path)
    driver = FilesystemDriver("root")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    driver.put("/a", b"content")
    assert driver.root == tmp_path / "root"
    assert files(tmp_path) == ["root/a"]


def test_modes_are_left_to_the_umask(driver, tmp_path):
    """Files are 0666 and folders 0777 less umask, as Docker Distribution's."""
    before = os.umask(0o027)
    try:
        driver.put("/put/a", b"")
        driver.writer("/written/a").commit()
    finally:
        os.umask(before)
    for name in ["put", "written"]:
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o750
        assert stat.S_IMODE((tmp_path / name / "a").stat().st_mode) == 0o640


def test_reader_is_a_real_file(driver):
    """A reader can be handed to `sendfile`, at its offset."""
    driver.put("/a", b"0123456789")
    with driver.open("/a", 4) as reader:
        assert os.lseek(reader.fileno(), 0, os.SEEK_CUR) == 4
        assert os.read(reader.fileno(), 100) == b"456789"


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3 << 20])
def test_get_of_sizes_about_its_buffer(driver, size):
    """A file is got whole, whatever its size is to that of one read."""
    driver.put("/a", b"x" * size)
    assert len(driver.get("/a")) == size


# --- what is not ours ----------------------------------------------------------------------


def test_names_outside_the_grammar_are_not_listed(driver, tmp_path):
    """Files that no path can name do not exist for us, nor do our own unpublished ones."""
    driver.put("/d/a", b"")
    for name in ["b c", "é", "lost+found", ".part-1-1", ".distribution"]:
        (tmp_path / "d" / name).touch()
    assert list(driver.list("/d")) == ["a"]
    assert [info.path for info in driver.walk("/")] == ["/d/a"]


def test_put_leaves_no_part_behind(driver, tmp_path, monkeypatch):
    """A `put` that fails removes its temporary file, and the old content stays."""
    driver.put("/d/a", b"old")

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DriverError, match=r"^filesystem: /d/a: No space left on device$"):
        driver.put("/d/a", b"new")
    assert files(tmp_path) == ["d/a"]
    assert driver.get("/d/a") == b"old"


def test_part_that_a_crash_left_is_stepped_over(driver, tmp_path):
    """A temporary file of a dead process with our number does not stop a `put`."""
    driver.put("/d/a", b"old")
    for n in range(5):
        (tmp_path / "d" / f".part-{os.getpid()}-{n}").touch()
    driver.put("/d/a", b"new")
    assert driver.get("/d/a") == b"new"


def test_root_that_is_no_folder(tmp_path):
    """A file where the root should be is an error of the backend, not a loop."""
    (tmp_path / "root").write_bytes(b"")
    with pytest.raises(DriverError):
        FilesystemDriver(tmp_path / "root").put("/a/b", b"content")


def test_root_below_a_dangling_link(tmp_path):
    """A root that cannot be made is an error of the backend, not a loop."""
    (tmp_path / "root").symlink_to(tmp_path / "nowhere" / "at all")
    with pytest.raises(DriverError):
        FilesystemDriver(tmp_path / "root" / "deep").put("/a/b", b"content")


# --- writers ---------------------------------------------------------------------------------


def test_state_that_speaks_of_more_than_is_stored(driver, tmp_path):
    """Where less is stored than was acknowledged, a writer does not go on."""
    writer = driver.writer("/a")
    writer.write(b"0123456789")
    state, tail = writer.suspend()
    os.truncate(tmp_path / "a", 5)
    with pytest.raises(InvalidOffsetError) as caught:
        driver.writer("/a", state, tail)
    assert (caught.value.path, caught.value.offset) == ("/a", 10)
    assert (tmp_path / "a").read_bytes() == b"01234"


def test_reader_of_the_old_file_is_not_disturbed_by_a_writer(driver):
    """A file written anew is another one: who reads the old goes on reading it."""
    driver.put("/a", b"old content")
    with driver.open("/a") as reader:
        writer = driver.writer("/a")
        writer.write(b"new")
        assert reader.read() == b"old content"
        writer.commit()


def test_descriptors_are_given_back(driver, monkeypatch):
    """However a writer or a call ends, its file is closed."""

    def broken(descriptor):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    def count():
        return len(list(Path("/proc/self/fd").iterdir()))

    driver.put("/d/a", b"content")
    before = count()
    driver.writer("/d/b").commit()
    driver.writer("/d/b").cancel()
    driver.writer("/d/b").suspend()
    with pytest.raises(InvalidOffsetError):
        driver.open("/d/a", 100)
    with pytest.raises(InvalidOffsetError):
        driver.writer("/d/a", {"size": 100})
    monkeypatch.setattr(os, "fsync", broken)
    for end in [lambda: driver.writer("/d/c").commit(), lambda: driver.writer("/d/c").suspend()]:
        with pytest.raises(DriverError):
            end()
    with pytest.raises(DriverError):
        driver.put("/d/a", b"")
    assert count() == before


# --- durability --------------------------------------------------------------------------------


class Recorder:
    """Records syncs and renames as they happen, by path."""

    def __init__(self, monkeypatch, root):
        self.calls = []
        real_fsync, real_rename = os.fsync, os.rename

        def fsync(descriptor):
            path = Path(f"/proc/self/fd/{descriptor}").readlink()
            self.calls.append(("sync", os.path.relpath(path, root)))
            real_fsync(descriptor)

        def rename(old, new):
            real_rename(old, new)
            self.calls.append(("rename", os.path.relpath(new, root)))

        monkeypatch.setattr(os, "fsync", fsync)
        monkeypatch.setattr(os, "rename", rename)

    def taken(self):
        """Return the calls since last asked; temporary files as ``part``."""
        calls, self.calls = self.calls, []
        return [
            (what, "part" if path.rpartition("/")[2].startswith(".part-") else path)
            for what, path in calls
        ]


@pytest.fixture
def recorder(monkeypatch, tmp_path):
    return Recorder(monkeypatch, tmp_path)


def test_put_syncs_data_then_renames_then_syncs_folders(driver, recorder):
    """No step of a `put` overtakes what it relies on; each new parent folder is synced too."""
    driver.put("/a/b/c", b"content")
    assert recorder.taken()[:4] == [
        ("sync", "part"),
        ("rename", "a/b/c"),
        ("sync", "a/b"),
        ("sync", "a"),
    ]


def test_second_put_syncs_its_own_folder_alone(driver, recorder):
    """Folders known to be synced are not synced again."""
    driver.put("/a/b/c", b"content")
    recorder.taken()
    driver.put("/a/b/d", b"content")
    assert recorder.taken() == [("sync", "part"), ("rename", "a/b/d"), ("sync", "a/b")]


def test_put_that_need_not_last_syncs_nothing(driver, recorder):
    """`durable=False` renames, so that readers see whole content, and syncs nothing."""
    driver.put("/a/b", b"content", durable=False)
    assert recorder.taken() == [("rename", "a/b")]


def test_driver_without_sync_syncs_nothing(tmp_path, recorder):
    """The operator's setting holds for every call."""
    driver = FilesystemDriver(tmp_path, sync=False)
    driver.put("/a", b"content")
    writer = driver.writer("/b")
    writer.suspend()
    driver.writer("/b", {"size": 0}).commit()
    driver.move("/b", "/c")
    driver.delete("/c")
    assert {what for what, _ in recorder.taken()} == {"rename"}


def test_move_syncs_the_content_before_it_shows(driver, recorder):
    """A move is durable: the bytes first, then the name."""
    driver.put("/x/a", b"content", durable=False)
    recorder.taken()
    driver.move("/x/a", "/y/b")
    calls = recorder.taken()
    assert calls[:3] == [("sync", "x/a"), ("rename", "y/b"), ("sync", "y")]


def test_suspended_bytes_are_synced(driver, recorder):
    """What a suspended writer acknowledges survives a power cut."""
    writer = driver.writer("/a")
    writer.write(b"content")
    writer.suspend()
    assert recorder.taken() == [("sync", "a")]


def test_folder_made_again_is_synced_again(driver, recorder):
    """A deleted folder is no longer known as synced, nor is anything below."""
    driver.put("/a/b/c", b"content")
    driver.delete("/a")
    recorder.taken()
    driver.put("/a/b/c", b"content")
    assert ("sync", "a") in recorder.taken()


def test_memory_of_synced_folders_is_bounded(driver, recorder, monkeypatch):
    """The folders known as synced are forgotten at a limit, and synced again."""
    monkeypatch.setattr(filesystem, "_SETTLED_LIMIT", 3)
    for n in range(10):
        driver.put(f"/{n}/a", b"content")
        assert len(driver._settled) <= 6
    recorder.taken()
    driver.put("/0/b", b"content")
    assert ("sync", ".") in recorder.taken()


# --- moves to another file system ----------------------------------------------------------------


@pytest.fixture
def two_file_systems(monkeypatch):
    """Let `rename` refuse to go from ``/one`` to ``/two``; parts within a folder are renamed."""
    real = os.rename

    def rename(old, new):
        if "/one/" in str(old) and "/two/" in str(new):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        real(old, new)

    monkeypatch.setattr(os, "rename", rename)


def test_move_to_another_file_system_copies(driver, tmp_path, two_file_systems):
    """Where a rename is not possible, the content is copied beside its target and renamed there."""
    driver.put("/one/a", b"content")
    driver.put("/two/a", b"old")
    driver.move("/one/a", "/two/a")
    assert driver.get("/two/a") == b"content"
    assert files(tmp_path) == ["two/a"]


def test_failed_move_to_another_file_system_leaves_all_as_it_was(
    driver, tmp_path, two_file_systems, monkeypatch
):
    """A copy that fails half-way is removed; source and target stay."""
    driver.put("/one/a", b"content")
    driver.put("/two/a", b"old")

    def full(source, target):
        Path(target).write_bytes(b"con")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(filesystem.shutil, "copyfile", full)
    with pytest.raises(DriverError, match="No space left"):
        driver.move("/one/a", "/two/a")
    assert files(tmp_path) == ["one/a", "two/a"]
    assert driver.get("/two/a") == b"old"


# --- deletes -----------------------------------------------------------------------------------


def test_delete_follows_no_link(driver, tmp_path):
    """A symbolic link is deleted, not what it leads to."""
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "a").write_bytes(b"content")
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "link").symlink_to(tmp_path / "precious")
    driver.delete("/d")
    assert files(tmp_path) == ["precious/a"]


def test_folder_that_fills_up_for_ever_is_given_up(driver, tmp_path, monkeypatch):
    """A delete that somebody always undoes ends by an error."""
    driver.put("/d/a", b"")
    monkeypatch.setattr(filesystem.shutil, "rmtree", lambda folder, onerror: None)
    with pytest.raises(DriverError, match="Directory not empty"):
        driver.delete("/d")


def test_delete_that_is_not_allowed_says_so(driver, monkeypatch):
    """A refusal of the system is told, not taken for a folder that filled up."""
    driver.put("/d/a", b"")

    def refuse(*args, **kwargs):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(os, "unlink", refuse)
    for path in ["/d/a", "/d"]:
        with pytest.raises(DriverError, match="Permission denied"):
            driver.delete(path)
    assert driver.get("/d/a") == b""


# --- parameters --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        pytest.param({"rootdirectry": "/x"}, r"filesystem\.rootdirectry", id="misspelt"),
        pytest.param({"maxthreads": "many"}, r"filesystem\.maxthreads: .*'many'", id="no number"),
        pytest.param({"maxthreads": "-1"}, r"filesystem\.maxthreads: .*'-1'", id="negative"),
        pytest.param({"sync": "perhaps"}, r"filesystem\.sync: .*'perhaps'", id="no boolean"),
    ],
)
def test_wrong_parameters(parameters, message):
    """The message names the parameter and what was given."""
    with pytest.raises(ConfigurationError, match=message):
        FilesystemDriver.from_parameters(parameters)


@pytest.mark.parametrize(("text", "sync"), [("off", False), ("no", False), ("true", True)])
def test_sync_is_a_yaml_boolean(tmp_path, text, sync):
    """Scalars of the file arrive as text, and are read by their kind."""
    given = {"rootdirectory": str(tmp_path), "sync": text}
    assert FilesystemDriver.from_parameters(given)._sync is sync


def test_default_root_is_distributions():
    """Without a folder, it is the one of Docker Distribution's image."""
    assert str(FilesystemDriver.from_parameters({}).root) == "/var/lib/registry"
