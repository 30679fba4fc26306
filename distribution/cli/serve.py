"""Serving: from a file or from nothing to a running registry."""

from __future__ import annotations

import logging
import os
import socket
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from distribution.config import load
from distribution.errors import ConfigurationError
from distribution.version import VERSION

if TYPE_CHECKING:
    from distribution.config import RegistrySettings

#: Where a registry that was told nothing listens: this machine alone.
DEFAULT_ADDRESS = "127.0.0.1:5000"


def default_folder() -> Path:
    """Return where a registry that was told nothing keeps its content."""
    home = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(home).expanduser() / "distribution"


def serve(config: Path | None, address: str | None = None, data: Path | None = None) -> None:
    """Serve until a signal stops it.

    Args:
        config: a configuration file; None for the one that ``REGISTRY_CONFIGURATION_PATH`` names,
            or else the defaults for one machine.
        address: overrides where to listen.
        data: overrides where the filesystem driver keeps content.

    Raises:
        ConfigurationError: a setting is wrong, or the address is taken.
    """
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    if config is None and (named := os.environ.get("REGISTRY_CONFIGURATION_PATH")):
        config = Path(named)
    settings = _override(load(config, os.environ, _defaults()), address, data)
    level = {"warn": "WARNING"}.get(settings.log.level, settings.log.level.upper())
    logging.getLogger().setLevel(level)

    from distribution.registry.server import Server  # noqa: PLC0415 - only who serves pays for it

    server = Server(settings)
    _refuse_taken(settings)
    click.echo(_greeting(settings, server.workers), err=True)
    server.run()


def _defaults() -> dict[str, Any]:
    """Return the settings of a registry that was told nothing."""
    return {
        "version": "0.1",
        "storage": {
            "filesystem": {"rootdirectory": str(default_folder())},
            "delete": {"enabled": "true"},
        },
        "http": {"addr": DEFAULT_ADDRESS},
    }


def _override(
    settings: RegistrySettings, address: str | None, data: Path | None
) -> RegistrySettings:
    changes: dict[str, Any] = {}
    if address is not None:
        changes["http"] = settings.http.model_copy(update={"addr": address})
    if data is not None:
        if settings.storage.driver != "filesystem":
            raise ConfigurationError(f"--data: the storage driver is {settings.storage.driver}")
        parameters = {**settings.storage.parameters, "rootdirectory": str(data)}
        changes["storage"] = settings.storage.model_copy(update={"parameters": parameters})
    return settings.model_copy(update=changes)


def _refuse_taken(settings: RegistrySettings) -> None:
    """Find out whether somebody listens already; with SO_REUSEPORT two would share the clients."""
    if settings.http.net != "tcp":
        return
    host, _, port = settings.http.addr.rpartition(":")
    if not port.isdecimal():
        raise ConfigurationError(f"http.addr: no host and port: {settings.http.addr!r}")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with closing(socket.socket(family, socket.SOCK_STREAM)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), int(port)))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise ConfigurationError(f"http.addr: {settings.http.addr}: {reason}") from error


def _greeting(settings: RegistrySettings, workers: int) -> str:
    where = settings.storage.parameters.get("rootdirectory", "")
    shown = settings.http.addr
    shown = f"localhost{shown}" if shown.startswith(":") else shown
    source = f"{settings.storage.driver} {where}"
    lines = [
        f"distribution {VERSION}: serving http://{shown}/ from {source} with {workers} workers"
    ]
    if shown.startswith(("127.", "localhost:", "[::1]")) and settings.http.addr == shown:
        lines.append(
            "only this machine can reach it; to open it to the network: --addr :5000"
            " (behind a proxy that authenticates and encrypts)"
        )
    return "\n".join(lines)
