import inspect

import pytest

from distribution import errors
from distribution.digest import Digest
from distribution.reference import RepositoryName, Tag


def descendants(kind):
    return {d for sub in kind.__subclasses__() for d in {sub} | descendants(sub)}


ALL = sorted(
    (kind for kind in descendants(errors.DistributionError) if kind.__module__ == errors.__name__),
    key=lambda kind: kind.__name__,
)

#: A value for each parameter that an error takes; texts are what a client could send at worst.
LONG = "x\r\n\x00é" * 100_000
VALUES = {
    "text": LONG,
    "reason": "short",
    "limit": 5,
    "digests": [Digest.of(bytes([n])) for n in range(200)],
    "digest": Digest.of(b"abc"),
    "expected": Digest.of(b"abc"),
    "actual": Digest.of(b"abd", "sha512"),
    "declared": 5,
    "received": 4,
    "name": RepositoryName("library/alpine"),
    "reference": Digest.of(b"abc"),
    "tag": Tag("latest"),
    "upload": LONG,
    "offset": 7,
    "size": 9,
    "path": "/a/b",
}

#: Texts that only our own code gives, and so are short.
OURS = {"UploadRangeError": {"upload": "id"}, "UploadBusyError": {"upload": "id"}}


def make(kind):
    """Return an error of *kind*, and what it was made with."""
    if "__init__" not in {name for base in kind.__mro__[:-3] for name in vars(base)}:
        return kind("message"), {}
    wanted = inspect.signature(kind.__init__).parameters
    given = {name: VALUES[name] for name in wanted if name != "self"}
    given |= OURS.get(kind.__name__, {})
    return kind(**given), given


def test_one_root():
    """Every error of the module is of the one root, and is named as an error."""
    defined = {
        value
        for value in vars(errors).values()
        if inspect.isclass(value) and issubclass(value, BaseException)
    }
    assert defined == {errors.DistributionError, *ALL}
    assert all(kind.__name__.endswith("Error") for kind in defined)


@pytest.mark.parametrize("kind", ALL)
def test_message_is_one_short_line(kind):
    """Whatever a client sent, the message can stand in a log line and in a response."""
    error, _ = make(kind)
    message = str(error)
    assert 0 < len(message) < 2500
    assert message.isprintable()


@pytest.mark.parametrize("kind", ALL)
def test_data_are_attributes(kind):
    """What a caller can act on need not be cut out of the message."""
    error, given = make(kind)
    for name, value in given.items():
        expected = tuple(value) if isinstance(value, list) else value
        assert getattr(error, name) == expected


@pytest.mark.parametrize("kind", ALL)
def test_caught_as_the_root(kind):
    """Who catches the root catches every failure that we mean."""
    error, _ = make(kind)
    with pytest.raises(errors.DistributionError) as caught:
        raise error
    assert caught.value is error


@pytest.mark.parametrize(
    ("kind", "base"),
    [
        (errors.PathNotFoundError, errors.DriverError),
        (errors.InvalidPathError, errors.DriverError),
        (errors.InvalidOffsetError, errors.DriverError),
        (errors.ConflictError, errors.DriverError),
        (errors.TagUnknownError, errors.ManifestUnknownError),
    ],
)
def test_kinds_of_a_kind(kind, base):
    """A backend's failures are all driver errors; a missing tag is a missing manifest."""
    assert issubclass(kind, base)


def test_unknown_references_are_counted_beyond_five():
    """A manifest of many missing layers is told by five, and how many more."""
    error = errors.ManifestReferencesUnknownError(VALUES["digests"])
    assert str(error).endswith("and 195 more")
    assert len(error.digests) == 200
    assert "more" not in str(errors.ManifestReferencesUnknownError(VALUES["digests"][:5]))
