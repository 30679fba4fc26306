"""Every setting with its unit and its default.

Keys and defaults are Docker Distribution's; those that only we have stand under ``server``.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from distribution.config.duration import Duration  # noqa: TC001 - pydantic reads it

#: Keys of ``storage`` that are not the name of a driver.
_COMMON_STORAGE_KEYS: Final = frozenset({"cache", "delete", "maintenance", "redirect", "tag"})


class Settings(BaseModel):
    """Base of all sections: frozen; what it does not know is kept for a warning."""

    model_config = ConfigDict(frozen=True, extra="allow")

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, values: Any) -> Any:
        """Take a key without a value, or an empty section, as one that is not there."""
        if values is None:
            return {}
        if isinstance(values, dict):
            return {key: value for key, value in values.items() if value is not None}
        return values


class AccessLog(Settings):
    """The access log, in Apache's combined format on standard output."""

    disabled: bool = False


class Log(Settings):
    """The application's log, on standard error."""

    accesslog: AccessLog = AccessLog()
    level: Literal["error", "warn", "info", "debug"] = "info"


class Switch(Settings):
    """Something that is on or off."""

    enabled: bool = False


class Maintenance(Settings):
    """Upkeep of the store."""

    readonly: Switch = Switch()


class Storage(Settings):
    """Where content is kept: one driver, and what holds for any."""

    driver: str
    parameters: dict[str, Any] = Field(default_factory=dict)
    """Passed to the driver's own model, which checks them."""
    delete: Switch = Switch()
    maintenance: Maintenance = Maintenance()

    @model_validator(mode="before")
    @classmethod
    def _find_driver(cls, values: Any) -> Any:
        if isinstance(values, str):
            values = {values: {}}
        if not isinstance(values, dict) or "driver" in values:
            return values
        common = {key: values[key] for key in values.keys() & _COMMON_STORAGE_KEYS}
        drivers = [key for key in values if key not in _COMMON_STORAGE_KEYS]
        if not drivers:
            raise ValueError("no storage configuration provided")
        if len(drivers) > 1:
            raise ValueError(f"multiple storage drivers: {', '.join(sorted(drivers))}")
        return {"driver": drivers[0], "parameters": values[drivers[0]] or {}, **common}


class Http(Settings):
    """How clients reach the registry."""

    addr: str = ":5000"
    """Host and port to listen on; an empty host is every interface. A path with ``net: unix``."""
    net: Literal["tcp", "unix"] = "tcp"
    prefix: str = "/"
    """Put before every route; begins and ends with a slash."""
    host: str = ""
    """The address that clients use, such as ``https://registry.example``; told from the request
    if empty."""
    secret: str = ""
    """Signs the state of uploads; the same on all nodes. Made and kept in the store if empty."""
    relativeurls: bool = False
    draintimeout: Duration = timedelta(0)
    """How long a stop waits for requests under way; 0 is a minute."""
    headers: dict[str, list[str]] = Field(
        default_factory=lambda: {"X-Content-Type-Options": ["nosniff"]}
    )
    tls: dict[str, Any] = Field(default_factory=dict)

    @field_validator("prefix")
    @classmethod
    def _check_prefix(cls, value: str) -> str:
        if not re.fullmatch(r"/(?:[A-Za-z0-9._~-]+/)*", value):
            raise ValueError("must begin and end with a slash")
        return value

    @field_validator("host")
    @classmethod
    def _check_host(cls, value: str) -> str:
        if value and not re.fullmatch(r"https?://[A-Za-z0-9.\[\]:_-]+/?", value):
            raise ValueError("must be a scheme and a host, such as https://registry.example")
        return value


class Catalog(Settings):
    """``/v2/_catalog``."""

    maxentries: int = Field(default=1000, gt=0)
    """Largest page."""


class Tags(Settings):
    """``/v2/<name>/tags/list``."""

    maxtags: int = Field(default=1000, gt=0)
    """Largest page."""


class Urls(Settings):
    """Which URLs a layer may name: regular expressions."""

    allow: list[re.Pattern[str]] = Field(default_factory=list)
    deny: list[re.Pattern[str]] = Field(default_factory=list)


class Platform(Settings):
    """An operating system and an architecture."""

    os: str
    architecture: str


class Indexes(Settings):
    """Which children of an index must be present."""

    platforms: Literal["all", "none", "list"] = "all"
    platformlist: list[Platform] = Field(default_factory=list)


class Images(Settings):
    """Which layers of an image must be present."""

    layers: Literal["all", "none"] = "all"


class Manifests(Settings):
    """Demands on manifests."""

    urls: Urls = Urls()
    indexes: Indexes = Indexes()
    images: Images = Images()


class Validation(Settings):
    """Demands on what is pushed."""

    disabled: bool = False
    manifests: Manifests = Manifests()


class Server(Settings):
    """The processes that serve: ours, not Docker Distribution's."""

    workers: int = Field(default=0, ge=0)
    """Processes; 0 is one for each processor, at least 2."""
    threads: int = Field(default=512, ge=64)
    """Requests that one process serves at once; idle threads cost next to nothing."""
    keepalive: Duration = timedelta(seconds=75)
    """How long an idle connection stays open."""
    clienttimeout: Duration = timedelta(seconds=60)
    """How long a client may neither send nor take anything."""


class RegistrySettings(Settings):
    """The whole file."""

    version: Literal["0.1"]
    log: Log = Log()
    storage: Storage
    http: Http = Http()
    catalog: Catalog = Catalog()
    tags: Tags = Tags()
    validation: Validation = Validation()
    server: Server = Server()

    @model_validator(mode="before")
    @classmethod
    def _fold_loglevel(cls, values: Any) -> Any:
        """Take ``loglevel``, which was deprecated before 2.0, for ``log.level``."""
        if not isinstance(values, dict) or "loglevel" not in values:
            return values
        rest = {key: value for key, value in values.items() if key != "loglevel"}
        log = rest.get("log") or {}
        return {
            **rest,
            "log": {"level": values["loglevel"], **log} if isinstance(log, dict) else log,
        }
