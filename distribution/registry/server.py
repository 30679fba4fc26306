"""Run the application under gunicorn, with settings that suit a registry."""

from __future__ import annotations

import os
import resource
import sys
from typing import TYPE_CHECKING, Any

from gunicorn.app.base import BaseApplication

from distribution.registry import wsgi
from distribution.registry.processes import Master, ServerLogger, Worker
from distribution.storage.drivers import factory

if TYPE_CHECKING:
    from distribution.config import RegistrySettings
    from distribution.registry.app import RegistryApp

#: A bearer token with many scopes is one long header field.
_HEADER_BYTES = 65536

#: The longest request line that gunicorn takes; beyond it the answer is 414.
_LINE_BYTES = 8190

_DRAIN_SECONDS = 60


class Server(BaseApplication):  # type: ignore[misc]
    """One registry, served until a signal stops it."""

    def __init__(self, settings: RegistrySettings) -> None:
        """Check *settings* by building all they describe, once, before any worker does.

        Raises:
            ConfigurationError: a setting of the storage driver is wrong.
        """
        driver = factory.create(settings.storage.driver, settings.storage.parameters)
        secret = settings.http.secret or wsgi.shared_secret(driver).hex()
        http = settings.http.model_copy(update={"secret": secret})
        self._settings = settings.model_copy(update={"http": http})
        self._one_process = driver.properties.state_folder is None and driver.name == "inmemory"
        wsgi.build(self._settings)
        super().__init__()

    @property
    def workers(self) -> int:
        """How many processes serve."""
        if self._one_process:
            return 1
        return self._settings.server.workers or max(2, os.cpu_count() or 1)

    @property
    def address(self) -> str:
        """What gunicorn binds to."""
        http = self._settings.http
        return f"unix:{http.addr}" if http.net == "unix" else http.addr

    def load_config(self) -> None:
        """Tell gunicorn how to run."""
        settings = self._settings
        threads = settings.server.threads
        waiting = settings.server.clienttimeout.total_seconds()
        drain = int(settings.http.draintimeout.total_seconds()) or _DRAIN_SECONDS
        chosen: dict[str, Any] = {
            "bind": self.address,
            "workers": self.workers,
            "worker_class": type("RegistryWorker", (Worker,), {"waiting_seconds": waiting}),
            "threads": threads,
            "worker_connections": threads + 1000,
            "reuse_port": settings.http.net == "tcp",
            "keepalive": int(settings.server.keepalive.total_seconds()),
            "timeout": 60,
            "graceful_timeout": drain,
            "limit_request_line": _LINE_BYTES,
            "limit_request_field_size": _HEADER_BYTES,
            # By default any client on this machine may set SCRIPT_NAME, and gets a 500 for it.
            "forwarder_headers": "",
            "control_socket_disable": True,
            "logger_class": ServerLogger,
            "accesslog": None if settings.log.accesslog.disabled else "-",
            "errorlog": "-",
            "loglevel": {"warn": "warning"}.get(settings.log.level, settings.log.level),
            "proc_name": "distribution",
        }
        if sys.platform == "linux" and os.access("/dev/shm", os.W_OK):  # noqa: S108
            chosen["worker_tmp_dir"] = "/dev/shm"  # noqa: S108 - never on a slow disk
        for name, value in chosen.items():
            self.cfg.set(name, value)

    def run(self) -> None:
        """Serve, with as many open files as the system allows, as a program in Go would."""
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        Master(self).run()

    def load(self) -> RegistryApp:
        """Build the application, in each worker."""
        return wsgi.build(self._settings)
