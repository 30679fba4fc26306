"""From settings to the WSGI application.

For those who run a server of their own::

    gunicorn -k gthread --threads 512 'distribution.registry.wsgi:create("config.yml")'
"""

from __future__ import annotations

import logging
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from distribution.config import load
from distribution.errors import ConfigurationError
from distribution.registry.app import create_app
from distribution.registry.site import Limits, Site
from distribution.registry.state import StateTokens
from distribution.registry.urls import Urls
from distribution.storage import StoredNamespace, StoreOptions
from distribution.storage.drivers import factory
from distribution.storage.rules import ManifestRules

if TYPE_CHECKING:
    from distribution.config import RegistrySettings
    from distribution.config.settings import Validation
    from distribution.registry.app import RegistryApp
    from distribution.storage.drivers.base import StorageDriver

_log = logging.getLogger(__name__)

_SECRET_BYTES = 32


def create(path: str | None = None) -> RegistryApp:
    """Build the application from a configuration file and ``REGISTRY_*`` variables.

    Args:
        path: the file; None for the one that ``REGISTRY_CONFIGURATION_PATH`` names.

    Raises:
        ConfigurationError: a setting is missing or wrong.
    """
    named = path or os.environ.get("REGISTRY_CONFIGURATION_PATH")
    if not named:
        raise ConfigurationError("no configuration file: give one, or REGISTRY_CONFIGURATION_PATH")
    return build(load(Path(named), os.environ))


def build(settings: RegistrySettings) -> RegistryApp:
    """Build the application that *settings* describe.

    Raises:
        ConfigurationError: a setting of the storage driver is wrong.
    """
    driver = factory.create(settings.storage.driver, settings.storage.parameters)
    options = StoreOptions(rules=_rules(settings.validation))
    site = Site(
        namespace=StoredNamespace(driver, options),
        urls=Urls(settings.http.prefix, settings.http.host, relative=settings.http.relativeurls),
        tokens=StateTokens(settings.http.secret.encode() or shared_secret(driver)),
        limits=Limits(
            catalog_entries=settings.catalog.maxentries,
            tags=settings.tags.maxtags,
            waiting_seconds=settings.server.clienttimeout.total_seconds(),
        ),
        minimum_chunk=driver.properties.minimum_part,
    )
    return create_app(
        site,
        deletes=settings.storage.delete.enabled,
        read_only=settings.storage.maintenance.readonly.enabled,
        headers={name: ", ".join(values) for name, values in settings.http.headers.items()},
    )


def shared_secret(driver: StorageDriver) -> bytes:
    """Return the secret that all processes with this store share, made by the first of them.

    Without a folder that they share it is this process's alone.

    Raises:
        ConfigurationError: the secret is there, and cannot be read.
    """
    folder = driver.properties.state_folder
    fresh = secrets.token_bytes(_SECRET_BYTES)
    if folder is None:
        return fresh
    path = folder / "http-secret"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            if path.stat().st_size < _SECRET_BYTES:  # a power cut emptied it
                path.unlink()
        part = folder / f".http-secret-{os.getpid()}-{secrets.token_hex(4)}"
        part.touch(mode=0o600)
        with part.open("wb") as file:
            file.write(fresh)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(part, path)
        part.unlink()
    except OSError as error:
        _log.warning("%s: %s; nothing can be pushed", folder, error.strerror)
        if not path.exists():
            return fresh
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}; set http.secret instead") from error


def _rules(validation: Validation) -> ManifestRules:
    manifests = validation.manifests
    if validation.disabled:
        return ManifestRules(platforms="none")
    listed = manifests.indexes.platformlist
    return ManifestRules(
        allow_urls=tuple(manifests.urls.allow),
        deny_urls=tuple(manifests.urls.deny),
        platforms=manifests.indexes.platforms,
        platform_list=frozenset((each.os, each.architecture) for each in listed),
        layers=manifests.images.layers,
    )
