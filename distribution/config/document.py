"""The configuration as nested maps of text: a YAML file, overlaid with variables.

Scalars stay the text they are written as, so that the type of a setting decides what they mean, as
in Go, and not their looks: ``secret: 0123`` is four characters.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import yaml

from distribution.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What the variables begin with.
PREFIX: Final = "REGISTRY_"

#: Variables of this prefix that are no settings: where the file is, and what cannot be overridden.
_NOT_SETTINGS: Final = frozenset({"REGISTRY_CONFIGURATION_PATH", "REGISTRY_VERSION"})


class _TextLoader(yaml.SafeLoader):
    """Reads every scalar but null as text."""


_TextLoader.yaml_implicit_resolvers = {}
# PyYAML only asks whether a pattern matches at the start, hence the anchors.
_TextLoader.add_implicit_resolver(
    "tag:yaml.org,2002:null", re.compile(r"(?:~|null|Null|NULL|)\Z"), ["~", "n", "N", ""]
)
_TextLoader.add_implicit_resolver("tag:yaml.org,2002:merge", re.compile(r"<<\Z"), ["<"])


def read(text: str, source: str) -> dict[str, Any]:
    """Parse a configuration file.

    Raises:
        ConfigurationError: it is not YAML, or not a map.
    """
    document = _parse(text, source)
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise ConfigurationError(f"{source}: not a map of settings")
    return document


def overlay(document: dict[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    """Return *document* with the ``REGISTRY_*`` variables applied.

    A variable's name is the way to a setting, its parts joined by ``_``; its value is YAML. They
    are taken in lexical order: ``REGISTRY_STORAGE`` comes before ``REGISTRY_STORAGE_S3_BUCKET``.

    Raises:
        ConfigurationError: a value is not YAML, or a list has no place of that number.
    """
    result: Any = document
    for name in sorted(environ):
        if name.startswith(PREFIX) and name not in _NOT_SETTINGS:
            way = name.removeprefix(PREFIX).split("_")
            result = _set(result, way, _parse(environ[name], name), name)
    assert isinstance(result, dict)  # noqa: S101 - the way is never empty
    return result


def _parse(text: str, source: str) -> Any:
    try:
        return yaml.load(text, _TextLoader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        problem = " ".join(str(error).split())
        raise ConfigurationError(f"{source}: not YAML: {problem}") from error


def _set(node: Any, way: list[str], value: Any, name: str) -> Any:
    """Return *node* with *value* set at the end of *way*."""
    if not way:
        return value
    head, rest = way[0], way[1:]
    if isinstance(node, list):
        return _set_item(node, head, rest, value, name)
    if not isinstance(node, dict):
        # The shorthand ``storage: filesystem`` becomes a map when something is set below it.
        node = {node: {}} if isinstance(node, str) else {}
    key = next((key for key in node if str(key).lower() == head.lower()), head.lower())
    return {**node, key: _set(node.get(key), rest, value, name)}


def _set_item(items: list[Any], head: str, rest: list[str], value: Any, name: str) -> list[Any]:
    if not head.isdecimal() or int(head) > len(items):
        raise ConfigurationError(f"{name}: undefined index {head}, the list has {len(items)}")
    index = int(head)
    current = items[index] if index < len(items) else None
    return [*items[:index], _set(current, rest, value, name), *items[index + 1 :]]
