"""What a disk may hold after the power went: a recorder of `os` calls, and a model of a disk.

The model promises as little as POSIX does: a file's bytes are on the disk once the file was synced,
the entries of a folder once the folder was. One thing more is taken from the file systems in use
(ext4, XFS, btrfs): a rename between two folders is one step, so syncing either keeps both ends.
"""

import os
import random
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest

#: A recorded call: its name and arguments, or a mark of the test's own.
Op = tuple[Any, ...]


class Recorder:
    """Notes each call that changes the disk, in order, once it has succeeded."""

    def __init__(self, patch: pytest.MonkeyPatch, root: Path) -> None:
        """Record what happens below *root*, from now on."""
        self.log: list[Op] = []
        self.after_sync: Callable[[str], None] = lambda _path: None
        self._root = f"{root}/"
        self._real = {name: getattr(os, name) for name in _CALLS}
        for name, replacement in _CALLS.items():
            patch.setattr(os, name, replacement.__get__(self))

    def mark(self, *what: Any) -> None:
        """Note something that is no call."""
        self.log.append(what)

    def _path(self, path: Any, folder: int | None = None) -> str:
        path = os.fspath(path)
        if folder is not None:
            return f"{self._of(folder)}/{path}"
        return path

    def _of(self, descriptor: int) -> str:
        return str(Path(f"/proc/self/fd/{descriptor}").readlink())

    def _note(self, *op: Any, path: str) -> None:
        if f"{path}/".startswith(self._root):
            self.log.append(op)

    def open(self, path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        descriptor = self._real["open"](path, flags, mode, dir_fd=dir_fd)
        where = self._path(path, dir_fd)
        self._note("open", where, flags, descriptor, path=where)
        return descriptor

    def write(self, descriptor: int, content: Any) -> int:
        position = os.lseek(descriptor, 0, os.SEEK_CUR) if self._is_file(descriptor) else 0
        written = self._real["write"](descriptor, content)
        kept = bytes(content)[:written]
        self._note("write", descriptor, position, kept, path=self._of(descriptor))
        return written

    def ftruncate(self, descriptor: int, size: int) -> None:
        self._real["ftruncate"](descriptor, size)
        self._note("ftruncate", descriptor, size, path=self._of(descriptor))

    def fsync(self, descriptor: int) -> None:
        self._real["fsync"](descriptor)
        self._note("fsync", descriptor, path=self._of(descriptor))
        self.after_sync(self._of(descriptor))

    def rename(self, source: Any, target: Any) -> None:
        self._real["rename"](source, target)
        self._note("rename", self._path(source), self._path(target), path=self._path(target))

    def link(self, source: Any, target: Any) -> None:
        self._real["link"](source, target)
        self._note("link", self._path(source), self._path(target), path=self._path(target))

    def unlink(self, path: Any, *, dir_fd: int | None = None) -> None:
        where = self._path(path, dir_fd)
        self._real["unlink"](path, dir_fd=dir_fd)
        self._note("unlink", where, path=where)

    def mkdir(self, path: Any, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        self._real["mkdir"](path, mode, dir_fd=dir_fd)
        where = self._path(path, dir_fd)
        self._note("mkdir", where, path=where)

    def rmdir(self, path: Any, *, dir_fd: int | None = None) -> None:
        where = self._path(path, dir_fd)
        self._real["rmdir"](path, dir_fd=dir_fd)
        self._note("unlink", where, path=where)

    @staticmethod
    def _is_file(descriptor: int) -> bool:
        return stat.S_ISREG(os.fstat(descriptor).st_mode)


#: What the filesystem driver, `shutil` and `pathlib` change a disk by. `utime` is left out: no
#: promise here depends on a time.
_CALLS: dict[str, Any] = {
    "open": Recorder.open,
    "write": Recorder.write,
    "ftruncate": Recorder.ftruncate,
    "fsync": Recorder.fsync,
    "rename": Recorder.rename,
    "replace": Recorder.rename,
    "link": Recorder.link,
    "unlink": Recorder.unlink,
    "remove": Recorder.unlink,
    "mkdir": Recorder.mkdir,
    "rmdir": Recorder.rmdir,
}


@dataclass(eq=False)
class File:
    """A file's bytes now, and those that are on the disk for certain."""

    content: bytes = b""
    synced: bytes = b""
    kept: int = 0
    """Bytes at the start that no unsynced change touched."""

    def write(self, position: int, content: bytes) -> None:
        before = self.content[:position].ljust(position, b"\0")
        self.content = before + content + self.content[position + len(content) :]
        self.kept = min(self.kept, position)

    def truncate(self, size: int) -> None:
        self.content = self.content[:size].ljust(size, b"\0")
        self.kept = min(self.kept, size)

    def sync(self) -> None:
        self.synced = self.content
        self.kept = len(self.content)

    def after_crash(self, fate: str) -> bytes:
        """Return what is left: of unsynced bytes nothing, zeros or all."""
        match fate:
            case "dropped":
                return self.synced
            case "zeros":
                return self.content[: self.kept].ljust(len(self.content), b"\0")
            case _:
                return self.content


@dataclass(eq=False)
class Folder:
    """A folder's entries now, and those that are on the disk for certain."""

    entries: dict[str, "File | Folder"] = field(default_factory=dict)
    synced: dict[str, "File | Folder"] = field(default_factory=dict)


@dataclass(eq=False)
class Change:
    """One entry set or removed, not on the disk for certain yet."""

    folder: Folder
    name: str
    node: File | Folder | None
    step: int
    """The same for both ends of a rename."""


class Disk:
    """Replays a log, and knows at each point what is certain."""

    def __init__(self, base: Path, *, folder_syncs: bool = True, file_syncs: bool = True) -> None:
        """Begin with the empty folder *base*; a sync that is switched off does nothing."""
        self._base = f"{base}/"
        self._top = Folder()
        self._pending: list[Change] = []
        self._open: dict[int, File | Folder] = {}
        self._steps = count()
        self._folder_syncs = folder_syncs
        self._file_syncs = file_syncs

    def apply(self, op: Op) -> None:
        match op:
            case ("open", path, flags, descriptor):
                self._open_path(path, flags, descriptor)
            case ("write", descriptor, position, content):
                self._file(descriptor).write(position, content)
            case ("ftruncate", descriptor, size):
                self._file(descriptor).truncate(size)
            case ("fsync", descriptor):
                self._sync(self._open[descriptor])
            case ("rename", source, target):
                step = next(self._steps)
                node = self._find(source)
                self._change(source, None, step)
                self._change(target, node, step)
            case ("link", source, target):
                self._change(target, self._find(source), next(self._steps))
            case ("unlink", path):
                self._change(path, None, next(self._steps))
            case ("mkdir", path):
                self._change(path, Folder(), next(self._steps))
            case _:
                raise AssertionError(f"what is {op}?")

    def _open_path(self, path: str, flags: int, descriptor: int) -> None:
        folder, name = self._place(path)
        if flags & os.O_CREAT and name not in folder.entries:
            self._change(path, File(), next(self._steps))
        node = self._find(path)
        if flags & os.O_TRUNC:
            assert isinstance(node, File)
            node.truncate(0)
        self._open[descriptor] = node

    def _sync(self, node: File | Folder) -> None:
        if isinstance(node, File):
            if self._file_syncs:
                node.sync()
        elif self._folder_syncs:
            steps = {change.step for change in self._pending if change.folder is node}
            self._settle(lambda change: change.step in steps)

    def _settle(self, reached: Callable[[Change], bool]) -> None:
        """Let some changes reach the disk, and with them what they undo or follow."""
        left: list[Change] = []
        for change in self._pending:
            if reached(change):
                _set(change.folder.synced, change)
                # An older change of the same entry must not come after this one.
                left = [
                    each
                    for each in left
                    if (each.folder, each.name) != (change.folder, change.name)
                ]
            else:
                left.append(change)
        self._pending = left

    def _change(self, path: str, node: File | Folder | None, step: int) -> None:
        folder, name = self._place(path)
        change = Change(folder, name, node, step)
        _set(folder.entries, change)
        self._pending.append(change)

    def _file(self, descriptor: int) -> File:
        node = self._open[descriptor]
        assert isinstance(node, File)
        return node

    def _find(self, path: str) -> File | Folder:
        if f"{path}/" == self._base:
            return self._top
        folder, name = self._place(path)
        return folder.entries[name]

    def _place(self, path: str) -> tuple[Folder, str]:
        if f"{path}/" == self._base:
            return Folder(), ""
        *parents, name = path.removeprefix(self._base).split("/")
        folder = self._top
        for parent in parents:
            below = folder.entries[parent]
            assert isinstance(below, Folder)
            folder = below
        return folder, name

    def image(self, fate: str, chance: random.Random | None = None) -> dict[str, bytes | None]:
        """Return paths and contents (None: a folder) that a crash at this moment leaves.

        Args:
            fate: what becomes of unsynced bytes.
            chance: decides which unsynced changes of entries, and which unsynced bytes, reach the
                disk after all; None lets none.
        """
        entries: dict[Folder, dict[str, File | Folder]] = {}
        if chance is not None:
            lucky = {change.step for change in self._pending if chance.random() < 0.5}
            for change in self._pending:
                if change.step in lucky:
                    changed = entries.setdefault(change.folder, dict(change.folder.synced))
                    _set(changed, change)
        return dict(_paths(self._top, "", entries, fate, chance))


def _set(entries: dict[str, File | Folder], change: Change) -> None:
    if change.node is None:
        entries.pop(change.name, None)
    else:
        entries[change.name] = change.node


def _paths(
    folder: Folder,
    prefix: str,
    changed: dict[Folder, dict[str, File | Folder]],
    fate: str,
    chance: random.Random | None,
) -> Iterator[tuple[str, bytes | None]]:
    for name, node in sorted(changed.get(folder, folder.synced).items()):
        path = f"{prefix}{name}"
        if isinstance(node, Folder):
            yield path, None
            yield from _paths(node, f"{path}/", changed, fate, chance)
        else:
            mine = chance.choice(["dropped", "zeros", "all"]) if chance else fate
            yield path, node.after_crash(mine)


def write_image(folder: Path, image: dict[str, bytes | None]) -> None:
    """Make an image real."""
    folder.mkdir()
    for path, content in image.items():
        if content is None:
            (folder / path).mkdir()
        else:
            (folder / path).write_bytes(content)
