import os
import time
from pathlib import Path

import pytest

from distribution.storage.drivers import listing
from distribution.storage.drivers.listing import Listings

OLD = time.time() - 100


class Folder:
    """A folder, how its names are read, and how often."""

    def __init__(self, path):
        self.path = path
        self.reads = 0
        self.listings = Listings(self.read)

    def read(self, folder):
        self.reads += 1
        return sorted(each.name for each in Path(folder).iterdir())

    def fill(self, count, prefix="n"):
        for n in range(count):
            (self.path / f"{prefix}{n:04}").touch()
        self.settle()

    def settle(self, at=OLD):
        """Make the folder's last change one of long ago."""
        os.utime(self.path, (at, at))

    def names(self, after=None):
        return list(self.listings.names(str(self.path), after))


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


def test_large_settled_folder_is_read_once(folder):
    """Pages of a folder that does not change cost one reading."""
    folder.fill(200)
    assert folder.names() == [f"n{n:04}" for n in range(200)]
    assert folder.names("n0197") == ["n0198", "n0199"]
    assert folder.names("n0199") == []
    assert folder.reads == 1


def test_small_folder_is_read_each_time(folder):
    """A folder of few names is not worth keeping."""
    folder.fill(5)
    assert folder.names() == folder.names()
    assert folder.reads == 2


def test_recent_change_is_not_trusted(folder):
    """A folder changed just now may change again within the same tick of its time."""
    folder.fill(200)
    folder.settle(time.time())
    folder.names()
    folder.names()
    assert folder.reads == 2


def test_change_is_seen(folder):
    """A name that came or went is told at once."""
    folder.fill(200)
    folder.names()
    (folder.path / "n0100").unlink()
    (folder.path / "z").touch()
    assert folder.names("n0099")[0] == "n0101"
    assert folder.names()[-1] == "z"


def test_change_that_hides_its_time_is_seen(folder):
    """A folder whose modification time was set back differs by its change time."""
    folder.fill(200)
    folder.names()
    (folder.path / "a").touch()
    folder.settle()
    assert folder.names()[0] == "a"


def test_another_folder_of_that_name_is_seen(folder, tmp_path):
    """A folder that was replaced is not taken for the old one, whatever its time."""
    first = Folder(tmp_path / "d")
    first.path.mkdir()
    first.fill(200)
    first.names()
    first.path.rename(tmp_path / "old")
    first.path.mkdir()
    first.fill(150, "m")
    assert first.names()[0] == "m0000"


def test_missing_folder_raises_and_is_forgotten(folder, tmp_path):
    """A folder that is gone is not listed from memory."""
    folder.fill(200)
    folder.names()
    gone = tmp_path.rename(f"{tmp_path}-gone")
    with pytest.raises(FileNotFoundError):
        folder.names()
    gone.rename(tmp_path)
    assert len(folder.names()) == 200


def test_memory_is_bounded(tmp_path, monkeypatch):
    """Of many large folders the longest kept is dropped."""
    monkeypatch.setattr(listing, "_NAMES_LIMIT", 400)
    folders = []
    for n in range(3):
        (tmp_path / str(n)).mkdir()
        folders.append(Folder(tmp_path / str(n)))
        folders[n].listings = folders[0].listings
        folders[n].fill(150)
        folders[n].names()
    folders[0].reads = 0
    folders[1].names()
    folders[2].names()
    assert folders[0].reads == 0
    folders[0].names()
    assert folders[0].reads == 1
