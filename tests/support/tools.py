"""Outside programs that tests need: present, or a failure in CI and a skip elsewhere."""

import os
import shutil
import socket
from contextlib import closing

import pytest


def require(*programs: str) -> None:
    """Skip the test if a program is missing; on CI fail, since its absence would hide a fault."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        unavailable(f"not installed: {', '.join(missing)}")


def unavailable(reason: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
