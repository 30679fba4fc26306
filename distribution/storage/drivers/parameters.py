"""Check a driver's section of the configuration against its pydantic model."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ValidationError

from distribution.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

M = TypeVar("M", bound=BaseModel)


def check(driver: str, model: type[M], parameters: Mapping[str, object]) -> M:
    """Return *parameters* as *model* reads them.

    Raises:
        ConfigurationError: the first parameter that is missing, unknown or wrong, in one line.
    """
    try:
        return model.model_validate(dict(parameters))
    except ValidationError as error:
        problem = error.errors(include_url=False, include_context=False)[0]
        key = ".".join(str(part) for part in problem["loc"])
        given = "" if problem["type"] == "missing" else f" (given: {problem['input']!r})"
        raise ConfigurationError(f"storage.{driver}.{key}: {problem['msg']}{given}") from error
