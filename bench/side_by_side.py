"""Ours beside Debian's docker-registry, nginx's static files and an empty Falcon app.

    tox -e bench                      # everything, about five minutes
    tox -e bench -- --only small      # requests per second alone

All servers run on this machine in one go, each measure alternates between them, and the best of
the rounds counts, since whatever else runs can only slow a round down. What is printed is the
ratio; the absolute numbers are this machine's. Needs wrk, hey, curl, nginx and docker-registry.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

import urllib3

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MIB = 1 << 20
TICKS = os.sysconf("SC_CLK_TCK")
EMPTY_APP = Path(__file__).with_name("empty_app.py")


@dataclass
class Peer:
    """A server under test."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    folder: Path
    results: dict[str, float] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def family(self) -> list[int]:
        """Return the process ids of the server and its workers."""
        found, todo = [], [self.process.pid]
        while todo:
            pid = todo.pop()
            found.append(pid)
            with contextlib.suppress(FileNotFoundError):
                todo += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
        return found

    def cpu_seconds(self) -> float:
        """Return the processor time used so far, user and system."""
        ticks = 0
        for pid in self.family():
            with contextlib.suppress(FileNotFoundError):
                stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                ticks += int(stat[11]) + int(stat[12])
        return ticks / TICKS

    def peak_mib(self) -> float:
        """Return the sum of the processes' peak resident sizes."""
        total = 0
        for pid in self.family():
            with contextlib.suppress(FileNotFoundError):
                status = Path(f"/proc/{pid}/status").read_text()
                total += int(re.search(r"VmHWM:\s+(\d+)", status)[1])  # type: ignore[index]
        return total / 1024


def free_port() -> int:
    """Return a port that nobody listens on."""
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(name: str, folder: Path, command: Callable[[int], list[str]]) -> Peer:
    """Start a server and wait until it answers."""
    port = free_port()
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            command(port), stdout=log, stderr=log, cwd=folder, start_new_session=True
        )
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return Peer(name, port, process, folder / name)
        time.sleep(0.05)
    raise SystemExit(f"{name} does not answer:\n{(folder / f'{name}.log').read_text()}")


@contextlib.contextmanager
def peers(folder: Path) -> Iterator[dict[str, Peer]]:
    """Run all servers."""
    started: dict[str, Peer] = {}
    commands = {
        "ours": _ours(folder),
        "docker-registry": _docker_registry(folder),
        "nginx": _nginx(folder),
        "empty": _empty,
    }
    try:
        for name, command in commands.items():
            started[name] = start(name, folder, command)
        yield started
    finally:
        for peer in started.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(peer.process.pid, signal.SIGTERM)
            peer.process.wait(30)


def _config(root: Path, port: int) -> str:
    storage = {"filesystem": {"rootdirectory": str(root)}, "delete": {"enabled": True}}
    http = {"addr": f"127.0.0.1:{port}", "secret": "bench"}
    return json.dumps({"version": "0.1", "storage": storage, "http": http})


def _ours(folder: Path) -> Callable[[int], list[str]]:
    def command(port: int) -> list[str]:
        config = folder / "ours.yml"
        config.write_text(_config(folder / "ours", port))
        return [sys.executable, "-m", "distribution", "serve", str(config)]

    return command


def _docker_registry(folder: Path) -> Callable[[int], list[str]]:
    def command(port: int) -> list[str]:
        config = folder / "theirs.yml"
        config.write_text(_config(folder / "docker-registry", port))
        return ["docker-registry", "serve", str(config)]

    return command


def _nginx(folder: Path) -> Callable[[int], list[str]]:
    (folder / "nginx").mkdir()

    def command(port: int) -> list[str]:
        config = folder / "nginx.conf"
        config.write_text(
            f"daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.err; user root;"
            " worker_processes 2; events { worker_connections 1024; }"
            f" http {{ sendfile on; access_log {folder}/nginx.access;"
            f" client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;"
            f" fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;"
            f" server {{ listen 127.0.0.1:{port} reuseport; root {folder}/nginx; }} }}"
        )
        return ["nginx", "-c", str(config)]

    return command


def _empty(port: int) -> list[str]:
    options = "-k gthread -w 2 --threads 512 --worker-connections 1512 --reuse-port --keep-alive 75"
    more = "--no-control-socket --worker-tmp-dir /dev/shm --access-logfile - --chdir"
    address = ["-b", f"127.0.0.1:{port}", "empty_app:app"]
    return [
        sys.executable, "-m", "gunicorn", *options.split(), *more.split(),
        str(EMPTY_APP.parent), *address,
    ]  # fmt: skip


def sha256(content: bytes) -> str:
    """Return the digest of *content*."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


class Pusher:
    """Pushes to one registry as clients do."""

    def __init__(self, peer: Peer) -> None:
        """Push to *peer*."""
        self.peer = peer
        self.pool = urllib3.PoolManager(retries=False)

    def _start(self, name: str) -> str:
        answer = self.pool.request("POST", f"{self.peer.url}/v2/{name}/blobs/uploads/")
        return urljoin(self.peer.url, answer.headers["Location"])

    def blob(
        self, name: str, content: bytes, *, stream: bool = False, digest: str | None = None
    ) -> str:
        """Push *content* by POST and PUT, or by POST, a streaming PATCH and PUT."""
        digest = digest or sha256(content)
        location = self._start(name)
        if stream:
            pieces = (content[at : at + MIB] for at in range(0, len(content), MIB))
            answer = self.pool.request("PATCH", location, body=pieces, chunked=True)
            location, content = urljoin(self.peer.url, answer.headers["Location"]), b""
        answer = self.pool.request("PUT", f"{location}&digest={digest}", body=content)
        assert answer.status == 201, (self.peer.name, answer.status, answer.data)
        return digest

    def image(self, name: str, tag: str, layer: bytes) -> str:
        """Push an image of one layer; return its digest."""
        config = b'{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}'
        media = "application/vnd.docker"
        document = {
            "schemaVersion": 2,
            "mediaType": f"{media}.distribution.manifest.v2+json",
            "config": {
                "mediaType": f"{media}.container.image.v1+json",
                "size": len(config),
                "digest": self.blob(name, config),
            },
            "layers": [
                {
                    "mediaType": f"{media}.image.rootfs.diff.tar.gzip",
                    "size": len(layer),
                    "digest": self.blob(name, layer),
                }
            ],
        }
        raw = json.dumps(document).encode()
        answer = self.pool.request(
            "PUT", f"{self.peer.url}/v2/{name}/manifests/{tag}", body=raw,
            headers={"Content-Type": document["mediaType"]},
        )  # fmt: skip
        assert answer.status == 201, (self.peer.name, answer.status, answer.data)
        return sha256(raw)


def rate(url: str, seconds: int, method: str = "GET", accept: str = "") -> float:
    """Return requests per second over 16 kept-alive connections."""
    header = ["-H", f"Accept: {accept}"] if accept else []
    if method == "HEAD":  # wrk waits for the body that a HEAD's length speaks of
        command = ["hey", "-c", "16", "-z", f"{seconds}s", "-m", "HEAD", *header, url]
    else:
        command = ["wrk", "-t1", "-c16", f"-d{seconds}s", *header, url]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    bad = re.search(r"Non-2xx or 3xx responses: \d+|\[[45]\d\d\]\s+\d+ responses", out)
    if bad:
        raise SystemExit(f"{method} {url}: {bad[0]}")
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1])  # type: ignore[index]


def small(servers: dict[str, Peer], seconds: int, rounds: int) -> None:
    """Measure requests per second."""
    digests: dict[str, str] = {}
    accept = "application/vnd.docker.distribution.manifest.v2+json"
    layer = os.urandom(10_000)
    layer_digest = sha256(layer)
    for peer in (servers["ours"], servers["docker-registry"]):
        pusher = Pusher(peer)
        for number in range(100):
            digests[peer.name] = pusher.image("bench/small", f"v{number}", layer)
    paths = {
        "ping": ("GET", "/v2/"),
        "manifest by tag": ("GET", "/v2/bench/small/manifests/v1"),
        "manifest by digest": ("GET", f"/v2/bench/small/manifests/{digests['ours']}"),
        "tags page (100)": ("GET", "/v2/bench/small/tags/list"),
        "blob HEAD": ("HEAD", f"/v2/bench/small/blobs/{layer_digest}"),
        "blob GET (10 kB)": ("GET", f"/v2/bench/small/blobs/{layer_digest}"),
    }
    for label, (method, path) in paths.items():
        for _ in range(rounds):
            for name in ("ours", "docker-registry"):
                best(servers[name], label, rate(servers[name].url + path, seconds, method, accept))
            best(servers["empty"], label, rate(servers["empty"].url + "/v2/", seconds, method))


def best(peer: Peer, label: str, measured: float) -> None:
    """Keep the best rate of all rounds."""
    peer.results[label] = max(peer.results.get(label, 0.0), measured)


def large(servers: dict[str, Peer], size_mib: int, rounds: int) -> None:
    """Measure MiB per second, up and down, and the processor seconds of each MiB."""
    for _ in range(rounds):
        content = os.urandom(MIB) * (size_mib - 1) + os.urandom(MIB)
        for name in ("ours", "docker-registry"):
            pusher = Pusher(servers[name])
            for label, stream in (("push POST+PUT", False), ("push PATCH stream", True)):
                content = os.urandom(16) + content[16:]
                digest = sha256(content)
                push = partial(pusher.blob, "bench/large", content, stream=stream, digest=digest)
                _timed(servers[name], label, size_mib, push)
    for name in ("ours", "docker-registry"):
        Pusher(servers[name]).blob("bench/large", content, digest=digest)
    (servers["nginx"].folder / digest).write_bytes(content)
    for _ in range(rounds):
        for name in ("ours", "docker-registry", "nginx"):
            path = digest if name == "nginx" else f"v2/bench/large/blobs/{digest}"
            url = f"{servers[name].url}/{path}"
            for count in (1, 4):
                label = f"pull x{count}"
                _timed(servers[name], label, size_mib * count, partial(_pull, url, count))


def _timed(peer: Peer, label: str, mib: int, action: Callable[[], object]) -> None:
    cpu, start_time = peer.cpu_seconds(), time.perf_counter()
    action()
    elapsed = time.perf_counter() - start_time
    best(peer, f"{label} MiB/s", mib / elapsed)
    spent = (peer.cpu_seconds() - cpu) * 1024 / mib
    key = f"{label} CPU s/GiB"
    peer.results[key] = min(peer.results.get(key, spent), spent)


def _pull(url: str, count: int) -> None:
    command = ["curl", "-sf", "-o", "/dev/null", url]
    running = [subprocess.Popen(command) for _ in range(count)]
    for each in running:
        if each.wait() != 0:
            raise SystemExit(f"curl failed: {urlsplit(url).path}")


def table(servers: dict[str, Peer]) -> str:
    """Return all results as a Markdown table, with ratios."""
    columns = ["ours", "docker-registry", "nginx", "empty"]
    labels = list(dict.fromkeys(label for name in columns for label in servers[name].results))
    lines = [
        "| measure | ours | docker-registry | nginx static | empty Falcon app | ours to theirs |",
        "|---|---:|---:|---:|---:|---|",
    ]
    for label in labels:
        values = [servers[name].results.get(label) for name in columns]
        shown = " | ".join(
            "" if value is None else f"{value:,.2f}" if value < 10 else f"{value:,.0f}"
            for value in values
        )
        mine = values[0] or 0.0
        peer_names = ("docker-registry", "nginx", "empty app")
        ratios = [
            f"{mine / value:.2f}x {name}"
            for name, value in zip(peer_names, values[1:], strict=True)
            if value
        ]
        lines.append(f"| {label} | {shown} | {', '.join(ratios)} |")
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--only", choices=["small", "large"])
    parser.add_argument("--seconds", type=int, default=5, help="of each wrk run")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", type=int, default=512, help="MiB of the large blob")
    parser.add_argument("--folder", type=Path, help="where to keep content (default: temporary)")
    options = parser.parse_args()
    missing = [p for p in ("wrk", "hey", "curl", "nginx", "docker-registry") if not shutil.which(p)]
    if missing:
        raise SystemExit(f"not installed: {', '.join(missing)}")
    with tempfile.TemporaryDirectory(dir=options.folder) as folder, peers(Path(folder)) as servers:
        if options.only != "large":
            small(servers, options.seconds, options.rounds)
        if options.only != "small":
            large(servers, options.size, options.rounds)
        for peer in servers.values():
            peer.results["peak memory MiB"] = peer.peak_mib()
        print(table(servers))


if __name__ == "__main__":
    main()
