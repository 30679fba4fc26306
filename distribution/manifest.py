"""Manifests: parsed to be understood, kept as the bytes that came.

Validation is for content that enters (`Manifest.parse`). What is stored already is described as
well as it can be (`Manifest.stored`) and served whatever it holds.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    InstanceOf,
    PlainSerializer,
    ValidationError,
    model_validator,
)

from distribution import mediatypes
from distribution.digest import CANONICAL, Digest
from distribution.errors import InvalidDigestError, ManifestInvalidError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: Objects and arrays within one another; anything deeper is an attack on parsers.
NESTING_LIMIT: Final = 100

#: The largest size a descriptor may claim, in bytes: Go's int64, which every client reads it into.
SIZE_LIMIT: Final = 2**63 - 1


def _read_digest(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return Digest.parse(value)
    except InvalidDigestError as error:
        raise ValueError(str(error)) from error


def _null_is_empty(value: object) -> object:
    return () if value is None else value


DigestField = Annotated[InstanceOf[Digest], BeforeValidator(_read_digest), PlainSerializer(str)]
Strings = Annotated[tuple[str, ...], BeforeValidator(_null_is_empty)]
_FROZEN: Final = ConfigDict(frozen=True, extra="allow")


def _case_variant(document: Mapping[str, Any], known: Mapping[str, str]) -> str | None:
    """Return a key that differs from a known one only in case.

    Go's decoder matches keys whatever their case, so "Manifests" is "manifests" to most clients; it
    folds as Unicode does, so a long s will do too.
    """
    return next((key for key in document if known.get(key.casefold(), key) != key), None)


class Platform(BaseModel):
    """What an index says its image runs on."""

    model_config = _FROZEN

    os: str = ""
    architecture: str = ""
    variant: str = ""


class Descriptor(BaseModel):
    """A typed pointer to content: what it is, its name, its size (OCI image spec, "Descriptor")."""

    model_config = _FROZEN

    media_type: str = Field(alias="mediaType", min_length=1)
    digest: DigestField
    size: int = Field(ge=0, le=SIZE_LIMIT, strict=True)
    """Bytes."""
    urls: Strings = ()
    annotations: dict[str, str] | None = None
    artifact_type: str | None = Field(default=None, alias="artifactType")
    platform: Platform | None = None

    @model_validator(mode="before")
    @classmethod
    def _refuse_case_variants(cls, values: Any) -> Any:
        variant = _case_variant(values, _DESCRIPTOR_KEYS) if isinstance(values, dict) else None
        if variant is not None:
            raise ValueError(f"key {variant!r} differs from a known one only in case")
        return values


_DESCRIPTOR_KEYS: Final = {
    key.casefold(): key
    for key in (
        "mediaType",
        "digest",
        "size",
        "urls",
        "annotations",
        "artifactType",
        "platform",
        "data",
    )
}

Descriptors = Annotated[tuple[Descriptor, ...], BeforeValidator(_null_is_empty)]


class ImageManifest(BaseModel):
    """An image: an OCI image manifest, or a Docker schema 2 manifest, which has the same shape."""

    model_config = _FROZEN

    schema_version: int = Field(alias="schemaVersion", strict=True, ge=2, le=2)
    config: Descriptor
    layers: Descriptors = ()
    subject: Descriptor | None = None
    own_artifact_type: str | None = Field(default=None, alias="artifactType")
    annotations: dict[str, str] | None = None

    def references(self) -> tuple[Descriptor, ...]:
        """Return the blobs without which this image cannot be pulled."""
        return (self.config, *self.layers)

    @property
    def artifact_type(self) -> str | None:
        """The manifest's own type, else its config's (distribution spec, "Listing Referrers")."""
        return self.own_artifact_type or self.config.media_type


class ImageIndex(BaseModel):
    """A list of manifests: an OCI image index, or a Docker manifest list."""

    model_config = _FROZEN

    schema_version: int = Field(alias="schemaVersion", strict=True, ge=2, le=2)
    manifests: Descriptors
    subject: Descriptor | None = None
    own_artifact_type: str | None = Field(default=None, alias="artifactType")
    annotations: dict[str, str] | None = None

    def references(self) -> tuple[Descriptor, ...]:
        """Return the manifests that this index offers."""
        return self.manifests

    @property
    def artifact_type(self) -> str | None:
        """The index's own type, if it has one."""
        return self.own_artifact_type or None


#: A key of the other kind in a manifest would make its meaning depend on the reader
#: (CVE-2021-41190). Schema 1's keys are among them for the same reason.
_FOREIGN_KEYS: Final[Mapping[type[BaseModel], frozenset[str]]] = {
    ImageManifest: frozenset({"manifests", "fsLayers", "history", "signatures"}),
    ImageIndex: frozenset({"config", "layers", "fsLayers", "history", "signatures"}),
}

_KNOWN_KEYS: Final = {
    key.casefold(): key
    for key in (
        "schemaVersion",
        "mediaType",
        "artifactType",
        "subject",
        "annotations",
        *_FOREIGN_KEYS[ImageManifest],
        *_FOREIGN_KEYS[ImageIndex],
    )
}


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest with the exact bytes its digest is of; never serialised again."""

    raw: bytes
    digest: Digest
    media_type: str
    content: ImageManifest | ImageIndex | None
    """None where stored bytes are of no kind that is understood here, such as schema 1."""

    @classmethod
    def parse(
        cls, raw: bytes, content_type: str | None = None, algorithm: str = CANONICAL
    ) -> Manifest:
        """Read a manifest that somebody offers.

        Args:
            raw: the body.
            content_type: the media type it was sent as, without parameters; None to take the
                body's own word for it.
            algorithm: that of the resulting digest.

        Raises:
            ManifestInvalidError: it is not one of the four kinds, or not a sound one.
        """
        document = _read_json(raw)
        media_type = _agreed_media_type(document, content_type)
        model = ImageIndex if media_type in mediatypes.INDEXES else ImageManifest
        _refuse_ambiguity(document, model)
        try:
            content = model.model_validate(document)
        except ValidationError as error:
            raise ManifestInvalidError(_first_problem(error)) from error
        return cls(raw, Digest.of(raw, algorithm), media_type, content)

    @classmethod
    def stored(cls, raw: bytes, digest: Digest) -> Manifest:
        """Describe bytes that are stored already, whoever wrote them."""
        try:
            document = json.loads(raw)
        except (ValueError, RecursionError):
            return cls(raw, digest, mediatypes.OCTET_STREAM, None)
        media_type = _stored_media_type(document)
        try:
            return cls(raw, digest, media_type, cls.parse(raw, media_type).content)
        except ManifestInvalidError:
            return cls(raw, digest, media_type, None)

    def references(self) -> tuple[Descriptor, ...]:
        """Return everything that must exist for this manifest to be whole."""
        return () if self.content is None else self.content.references()

    @property
    def is_index(self) -> bool:
        """Whether the references are manifests themselves."""
        return isinstance(self.content, ImageIndex)

    @property
    def subject(self) -> Descriptor | None:
        """The manifest that this one refers to."""
        return None if self.content is None else self.content.subject

    @property
    def artifact_type(self) -> str | None:
        """What kind of artifact this is, as the referrers list shows it."""
        return None if self.content is None else self.content.artifact_type

    @property
    def annotations(self) -> Mapping[str, str]:
        """The manifest's own annotations."""
        return {} if self.content is None else self.content.annotations or {}

    def descriptor(self) -> dict[str, Any]:
        """Return the JSON object by which a referrers list names this manifest."""
        fields: dict[str, Any] = {
            "mediaType": self.media_type,
            "digest": str(self.digest),
            "size": len(self.raw),
        }
        if self.artifact_type is not None:
            fields["artifactType"] = self.artifact_type
        if self.annotations:
            fields["annotations"] = dict(self.annotations)
        return fields


def _read_json(raw: bytes) -> dict[str, Any]:
    try:
        document = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_constant=_refuse_constant,
            parse_float=_finite,
        )
    except RecursionError as error:
        raise ManifestInvalidError("nested too deeply") from error
    except ValueError as error:
        raise ManifestInvalidError(f"not JSON: {str(error)[:200]}") from error
    if not isinstance(document, dict):
        raise ManifestInvalidError("not a JSON object")
    _refuse_deep_nesting(document)
    if b"\\u" in raw:
        _refuse_surrogates(document)
    return document


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ManifestInvalidError("a key stands twice in one object")
    return result


def _refuse_constant(text: str) -> NoReturn:
    raise ManifestInvalidError(f"not a JSON number: {text}")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ManifestInvalidError(f"number out of range: {text[:40]}")
    return number


def _refuse_deep_nesting(document: object) -> None:
    level: list[object] = [document]
    for _ in range(NESTING_LIMIT):
        level = [child for node in level for child in _children(node)]
        if not level:
            return
    raise ManifestInvalidError("nested too deeply")


def _refuse_surrogates(document: object) -> None:
    """Refuse half a character: what it means depends on the reader, and no answer can hold it."""
    try:
        json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise ManifestInvalidError("a text holds a lone surrogate") from error


def _children(node: object) -> Iterable[object]:
    if isinstance(node, dict):
        return node.values()
    return node if isinstance(node, list) else ()


def _agreed_media_type(document: Mapping[str, Any], content_type: str | None) -> str:
    own = document.get("mediaType")
    if own is not None and not isinstance(own, str):
        raise ManifestInvalidError("mediaType is not a string")
    media_type = content_type or own
    if media_type not in mediatypes.MANIFESTS:
        raise ManifestInvalidError(f"unsupported media type: {str(media_type)[:200]!r}")
    if own is None and media_type in {mediatypes.DOCKER_MANIFEST, mediatypes.DOCKER_LIST}:
        raise ManifestInvalidError("mediaType is missing")
    if own not in {None, media_type}:
        raise ManifestInvalidError(f"mediaType is {own[:200]!r}, Content-Type {media_type!r}")
    return media_type


def _refuse_ambiguity(document: Mapping[str, Any], model: type[BaseModel]) -> None:
    variant = _case_variant(document, _KNOWN_KEYS)
    if variant is not None:
        raise ManifestInvalidError(f"key {variant!r} differs from a known one only in case")
    for key in sorted(_FOREIGN_KEYS[model] & document.keys()):
        raise ManifestInvalidError(f"{key!r} does not belong into this media type")


def _stored_media_type(document: object) -> str:
    """Tell the type of stored JSON, which the layout keeps nowhere else (design 2)."""
    if not isinstance(document, dict):
        return mediatypes.OCTET_STREAM
    own = document.get("mediaType")
    if isinstance(own, str) and mediatypes.is_media_type(own):
        return own
    if document.get("schemaVersion") == 1:
        signed = "signatures" in document
        return mediatypes.DOCKER_SCHEMA1_SIGNED if signed else mediatypes.DOCKER_SCHEMA1
    return mediatypes.OCI_INDEX if "manifests" in document else mediatypes.OCI_MANIFEST


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(str(part) for part in problem["loc"])
    return f"{place[:200]}: {problem['msg'][:200]}"
