"""From a file and variables to settings."""

from __future__ import annotations

import difflib
import logging
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ValidationError

from distribution.config import document
from distribution.config.settings import RegistrySettings
from distribution.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_log = logging.getLogger(__name__)

#: Sections that decide who may do what, or what is served. To ignore one would open a registry that
#: its operator believes closed.
_REFUSED: Final = ("auth", "proxy", "middleware", "policy")

_REFUSED_HTTP: Final = ("tls",)


def load(
    path: Path | None, environ: Mapping[str, str], defaults: dict[str, Any] | None = None
) -> RegistrySettings:
    """Read settings.

    Args:
        path: the file; None for *defaults* alone.
        environ: variables, of which those that begin with ``REGISTRY_`` count.
        defaults: the document where there is no file.

    Raises:
        ConfigurationError: in one line, the file, the key and the value that is wrong.
    """
    source = "settings" if path is None else str(path)
    given = defaults or {} if path is None else document.read(_read_file(path), source)
    given = document.overlay(given, environ)
    _refuse_unsupported(given, source)
    try:
        settings = RegistrySettings.model_validate(given)
    except ValidationError as error:
        raise ConfigurationError(f"{source}: {_first_problem(error)}") from error
    for key, nearest in unknown_keys(settings):
        hint = f"; did you mean {nearest}?" if nearest else ""
        _log.warning("%s: %s is not known here and has no effect%s", source, key, hint)
    return settings


def unknown_keys(model: BaseModel, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield each key that is not known, with the nearest one that is, or ""."""
    known = list(type(model).model_fields)
    for key in model.model_extra or {}:
        near = difflib.get_close_matches(str(key), known, n=1)
        yield prefix + str(key), prefix + near[0] if near else ""
    for name in known:
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            yield from unknown_keys(value, f"{prefix}{name}.")


def _read_file(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path}: not UTF-8") from error


def _refuse_unsupported(given: dict[str, Any], source: str) -> None:
    http = given.get("http")
    nested = http if isinstance(http, dict) else {}
    named = [key for key in _REFUSED if given.get(key)]
    named += [f"http.{key}" for key in _REFUSED_HTTP if nested.get(key)]
    if named:
        raise ConfigurationError(
            f"{source}: {named[0]}: not supported by this version, and not safe to ignore"
        )


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_context=False)[0]
    key = ".".join(str(part) for part in problem["loc"]) or "settings"
    message = problem["msg"].removeprefix("Value error, ")
    value = problem["input"]
    shown = f" (given: {value!r})" if isinstance(value, (str, int, float)) else ""
    return f"{key}: {message}{shown}"
