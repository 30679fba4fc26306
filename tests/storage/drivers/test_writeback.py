import ctypes
import os

from distribution.storage.drivers import writeback


def test_hint_changes_no_byte(tmp_path):
    """To begin writing out is a hint: the content is as before."""
    path = tmp_path / "file"
    path.write_bytes(b"content")
    descriptor = os.open(path, os.O_RDWR)
    try:
        writeback.begin(descriptor, 0, 7)
    finally:
        os.close(descriptor)
    assert path.read_bytes() == b"content"


def test_hint_on_what_is_no_file():
    """An error of the hint is none of the caller's: the sync tells it."""
    assert writeback.begin(-1, 0, 7) is None


def test_system_without_the_call(monkeypatch):
    """Where the system has no such call nothing is done."""
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    assert writeback._system_call.__wrapped__() is None
    monkeypatch.setattr(writeback, "_system_call", lambda: None)
    assert writeback.begin(-1, 0, 7) is None
