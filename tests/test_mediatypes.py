import pytest

from distribution import mediatypes


@pytest.mark.parametrize(
    "text",
    [
        mediatypes.OCI_MANIFEST,
        mediatypes.DOCKER_SCHEMA1_SIGNED,
        "application/json",
        "application/vnd.a+b.c-d_e!f#g$h&i^j",
        "a/" + "b" * 127,
    ],
)
def test_media_types(text):
    """What RFC 6838 allows is a media type."""
    assert mediatypes.is_media_type(text)


@pytest.mark.parametrize(
    "text",
    [
        *["", "a", "a/", "/b", "a/b/c", "a b/c", "a/b; q=1", "a/b\r\nX: y", "a/b\n", "é/b", "-a/b"],
        *["a/" + "b" * 128, None, 5, ["a/b"], b"a/b"],
    ],
)
def test_no_media_types(text):
    """What could break a header, or is no text, is none."""
    assert not mediatypes.is_media_type(text)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("application/json", "application/json"),
        ("Application/JSON", "application/json"),
        (" application/json ; charset=utf-8", "application/json"),
        ("application/json;", "application/json"),
        ("application/json; a=b; c=d", "application/json"),
        ("", ""),
        (";", ""),
    ],
)
def test_parameters_are_stripped(header, expected):
    """Only the bare type counts, in lower case."""
    assert mediatypes.strip_parameters(header) == expected


def test_manifests_are_the_four_kinds():
    """A PUT may carry two kinds of image and two of index, which do not overlap."""
    assert mediatypes.IMAGES | mediatypes.INDEXES == mediatypes.MANIFESTS
    assert (len(mediatypes.MANIFESTS), mediatypes.IMAGES & mediatypes.INDEXES) == (4, frozenset())
    assert mediatypes.DOCKER_SCHEMA1 not in mediatypes.MANIFESTS


def test_all_types_of_ours_are_media_types():
    """Every constant may stand in a header."""
    constants = [value for name, value in vars(mediatypes).items() if name.isupper()]
    texts = {text for value in constants if isinstance(value, str) for text in [value]}
    texts |= {text for value in constants if isinstance(value, frozenset) for text in value}
    named = {text for text in texts if "/" in text and "[" not in text}
    assert len(named) >= 12
    assert all(mediatypes.is_media_type(text) for text in named)
