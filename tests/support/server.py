"""A real registry: `distribution serve` under gunicorn on a free loopback port."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import urllib3
import yaml

from tests.support.tools import free_port

START_SECONDS = 30


def settings(root: Path, port: int, **sections: Any) -> dict[str, Any]:
    """Return a configuration; sections given replace those of the same name."""
    return {
        "version": "0.1",
        "storage": {"filesystem": {"rootdirectory": str(root)}, "delete": {"enabled": True}},
        "http": {"addr": f"127.0.0.1:{port}"},
        "server": {"workers": 2},
        **sections,
    }


@dataclass
class Server:
    """A server process and how to talk to it."""

    folder: Path
    sections: dict[str, Any] = field(default_factory=dict)
    environ: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def root(self) -> Path:
        """The filesystem driver's folder."""
        return self.folder / "root"

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    @property
    def workers(self) -> list[int]:
        """Process ids of the workers."""
        assert self.process is not None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in children.read_text().split()]

    def start(self) -> "Server":
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self.folder / "config.yml"
        config.write_text(yaml.safe_dump(settings(self.root, self.port, **self.sections)))
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "distribution", "serve", str(config)],
                stdout=log,
                stderr=log,
                env={**os.environ, **self.environ},
                start_new_session=True,
            )
        self.wait()
        return self

    def wait(self) -> None:
        """Return once the server answers."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            assert self.process is not None
            assert self.process.poll() is None, self.log
            try:
                status = urllib3.request("GET", f"{self.url}/v2/", retries=False, timeout=5).status
            except urllib3.exceptions.HTTPError:
                time.sleep(0.05)
            else:
                assert status in {200, 401, 404}, status
                return
        raise AssertionError(f"no answer within {START_SECONDS} s:\n{self.log}")

    def stop(self) -> int:
        """End the server as an operator would; return its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self) -> None:
        """End the server and its workers at once, as a crash would."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *failure: object) -> None:
        if self.process is not None and self.process.poll() is None:
            self.stop()


def errors(response: urllib3.BaseHTTPResponse) -> list[str]:
    """Return the codes in an error body."""
    return [entry["code"] for entry in json.loads(response.data)["errors"]]
