import time

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from distribution.digest import Digest
from distribution.errors import (
    InvalidDigestError,
    InvalidNameError,
    InvalidReferenceError,
    InvalidTagError,
)
from distribution.reference import Reference, RepositoryName, Tag, parse_tag_or_digest

D256 = str(Digest.of(b"abc"))
D512 = str(Digest.of(b"abc", "sha512"))

NAMES = [
    "a",
    "0",
    "library/alpine",
    "a.b",
    "a_b",
    "a__b",
    "a-b",
    "a---------b",
    "a/b/c/d/e",
    "blobs/uploads",
    "a/manifests/b",
    "v2",
    "v2/_catalog".replace("_", ""),
    "a" * 255,
    "/".join(["a"] * 128),
]


@pytest.mark.parametrize("text", NAMES)
def test_names(text):
    """A name is what the spec's grammar says, up to 255 characters."""
    name = RepositoryName.parse(text)
    assert str(name) == text
    assert name.components == tuple(text.split("/"))


@pytest.mark.parametrize(
    "text",
    [
        *[
            "",
            "/",
            "a/",
            "/a",
            "a//b",
            ".",
            "..",
            "a/..",
            "../a",
            "a/./b",
            "a/../b",
            ".a",
            "a.",
            "a.",
        ],
        *[
            "_a",
            "a_",
            "_uploads",
            "a/_layers",
            "_catalog",
            "-a",
            "a-",
            "a..b",
            "a___b",
            "a._b",
            "a-_b",
        ],
        *["A", "aB", "library/Alpine", "a b", " a", "a ", "a\n", "a\0", "a%2fb", "%2e%2e", "a\\b"],
        *["a:b", "a@b", "é", "\u0430", "a\u0661", "a+b", "~a", "a,b"],
        pytest.param("a" * 256, id="256"),
        pytest.param("a/" * 128 + "a", id="257 with slashes"),
        pytest.param("a/" * 1_000_000, id="2 MB"),
    ],
)
def test_refuses_what_is_no_name(text):
    """Whatever could be another path, or no path, is no name; the message stays short."""
    with pytest.raises(InvalidNameError) as caught:
        RepositoryName.parse(text)
    assert caught.value.text == text
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("text", ["a" * 254 + "!", "a-" * 127 + "!", "a__" * 84 + "!", "-" * 255])
def test_name_is_refused_in_no_time(text):
    """The pattern has one way to match, and does not backtrack."""
    start = time.process_time()
    for _ in range(100):
        with pytest.raises(InvalidNameError):
            RepositoryName.parse(text)
    assert time.process_time() - start < 1


@pytest.mark.parametrize(
    "text",
    ["latest", "1.0", "1.0-alpine", "_x", "A", "0", "a" * 128, "a..b", "a.", "v1.2.3-rc.1_x"],
)
def test_tags(text):
    """A tag is what the spec's grammar says, up to 128 characters."""
    assert str(Tag.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        *[
            "",
            ".",
            "..",
            ".a",
            "-a",
            "a/b",
            "a b",
            "a:b",
            "a\n",
            "a\0",
            "é",
            "\u0661",
            "a+b",
            "a%2f",
        ],
        pytest.param("a" * 129, id="129"),
        pytest.param("a" * 10_000_000, id="10 MB"),
    ],
)
def test_refuses_what_is_no_tag(text):
    """A tag cannot be a path, or leave its folder; the message stays short."""
    with pytest.raises(InvalidTagError) as caught:
        Tag.parse(text)
    assert caught.value.text == text
    assert len(str(caught.value)) < 1000


def test_tags_and_names_sort_as_their_text():
    """Values sort as the lists that hold them do."""
    assert sorted([Tag("b"), Tag("a"), Tag("B")]) == [Tag("B"), Tag("a"), Tag("b")]
    assert min(RepositoryName("a/b"), RepositoryName("a-b")) == RepositoryName("a-b")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("latest", Tag("latest")), (D256, Digest.parse(D256)), (D512, Digest.parse(D512))],
)
def test_what_stands_behind_manifests(text, expected):
    """A colon makes a digest, no colon a tag."""
    assert parse_tag_or_digest(text) == expected


@pytest.mark.parametrize(
    ("text", "error"),
    [("sha256:x", InvalidDigestError), (":", InvalidDigestError), ("..", InvalidTagError)],
)
def test_what_cannot_stand_behind_manifests(text, error):
    """The error says which of the two it was taken for."""
    with pytest.raises(error):
        parse_tag_or_digest(text)


# --- whole references ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "full", "familiar"),
    [
        ("alpine", "docker.io/library/alpine:latest", "alpine"),
        ("alpine:latest", "docker.io/library/alpine:latest", "alpine"),
        ("alpine:3.20", "docker.io/library/alpine:3.20", "alpine:3.20"),
        ("library/alpine", "docker.io/library/alpine:latest", "alpine"),
        ("docker.io/alpine", "docker.io/library/alpine:latest", "alpine"),
        ("docker.io/library/alpine", "docker.io/library/alpine:latest", "alpine"),
        ("index.docker.io/alpine", "docker.io/library/alpine:latest", "alpine"),
        ("me/app", "docker.io/me/app:latest", "me/app"),
        ("docker.io/my.org/app", "docker.io/my.org/app:latest", "docker.io/my.org/app"),
        ("docker.io/localhost/a", "docker.io/localhost/a:latest", "docker.io/localhost/a"),
        ("library/me/app", "docker.io/library/me/app:latest", "library/me/app"),
        ("quay.io/a", "quay.io/a:latest", "quay.io/a"),
        ("quay.io/a/b:1", "quay.io/a/b:1", "quay.io/a/b:1"),
        ("localhost/a", "localhost/a:latest", "localhost/a"),
        ("localhost", "docker.io/library/localhost:latest", "localhost"),
        ("localhost:5000", "docker.io/library/localhost:5000", "localhost:5000"),
        ("localhost:5000/a", "localhost:5000/a:latest", "localhost:5000/a"),
        ("localhost:5000/a:b", "localhost:5000/a:b", "localhost:5000/a:b"),
        ("host:5000/a/b:c", "host:5000/a/b:c", "host:5000/a/b:c"),
        ("Host/a", "Host/a:latest", "Host/a"),
        ("127.0.0.1:5000/a", "127.0.0.1:5000/a:latest", "127.0.0.1:5000/a"),
        ("[::1]/a", "[::1]/a:latest", "[::1]/a"),
        ("[::1]:5000/a:b", "[::1]:5000/a:b", "[::1]:5000/a:b"),
        ("[fe80::1]:5000/a", "[fe80::1]:5000/a:latest", "[fe80::1]:5000/a"),
        (f"alpine@{D256}", f"docker.io/library/alpine@{D256}", f"alpine@{D256}"),
        (f"alpine:3@{D256}", f"docker.io/library/alpine:3@{D256}", f"alpine:3@{D256}"),
        (
            f"alpine:latest@{D256}",
            f"docker.io/library/alpine:latest@{D256}",
            f"alpine:latest@{D256}",
        ),
        (f"h:1/a@{D512}", f"h:1/a@{D512}", f"h:1/a@{D512}"),
    ],
)
def test_references(text, full, familiar):
    """What people type means one full form, and has one shortest."""
    reference = Reference.parse(text)
    assert str(reference) == full
    assert reference.familiar == familiar
    assert Reference.parse(full) == Reference.parse(familiar) == reference


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "name"),
        (":", "tag"),
        ("@", "digest"),
        (":tag", "name"),
        (f"@{D256}", "name"),
        ("a:", "tag"),
        ("a:b:c", "tag"),
        ("a@", "digest"),
        ("a@sha256:x", "digest"),
        (f"a@{D256}@{D256}", "digest"),
        (f"a@{D256}:tag", "digest"),
        ("Alpine", "name"),
        ("/a", "name"),
        ("a/", "name"),
        ("host:5000/", "name"),
        ("host:port/a", "host"),
        ("host:123456/a", "host"),
        ("host:/a", "host"),
        ("-host.com/a", "host"),
        ("host-.com/a", "host"),
        ("ho_st.com/a", "host"),
        ("[::1/a", "host"),
        ("[zz::1]/a", "host"),
        ("::1/a", "host"),
        ("https://quay.io/a", "name"),
        ("a b", "name"),
        ("quay.io/a/../b", "name"),
        pytest.param("quay.io/" + "a" * 256, "name", id="256 in the name"),
        pytest.param("a:" + "b" * 129, "tag", id="129 in the tag"),
    ],
)
def test_refuses_what_is_no_reference(text, reason):
    """The error says which part is wrong, and keeps the text."""
    with pytest.raises(InvalidReferenceError) as caught:
        Reference.parse(text)
    assert f"invalid {reason}" in caught.value.reason.replace("repository ", "")
    assert caught.value.text == text
    assert len(str(caught.value)) < 2000


def test_limits_hold_within_a_reference():
    """255 characters of a name and 128 of a tag are accepted, the host aside."""
    text = "quay.io/" + "a" * 255 + ":" + "b" * 128
    assert Reference.parse(text).familiar == text


COMPONENTS = st.from_regex(r"[a-z0-9]{1,4}(?:(?:\.|__?|-{1,3})[a-z0-9]{1,3}){0,2}", fullmatch=True)
DOMAINS = st.sampled_from(
    [
        *[
            "docker.io",
            "index.docker.io",
            "quay.io",
            "localhost",
            "localhost:5000",
            "h:1",
            "H",
            "a.b",
        ],
        *["127.0.0.1", "[::1]", "[2001:db8::1]:443", "xn--bcher-kva.example"],
    ]
)
DIGESTS = st.sampled_from([None, Digest.parse(D256), Digest.parse(D512)])
TAGS = st.none() | st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,8}", fullmatch=True).map(Tag)


@given(DOMAINS, st.lists(COMPONENTS, min_size=1, max_size=4), TAGS, DIGESTS)
def test_familiar_form_means_the_same(domain, components, tag, digest):
    """The shortest form of any reference reads as that reference, and so does the full one."""
    text = f"{domain}/{'/'.join(components)}"
    text += "" if tag is None else f":{tag}"
    text += "" if digest is None else f"@{digest}"
    reference = Reference.parse(text)
    assert Reference.parse(reference.familiar) == reference
    assert Reference.parse(str(reference)) == reference


@given(st.lists(COMPONENTS, min_size=1, max_size=4), TAGS, DIGESTS)
def test_familiar_form_without_a_host(components, tag, digest):
    """A name typed alone keeps its meaning through the familiar form."""
    text = "/".join(components)
    text += "" if tag is None else f":{tag}"
    text += "" if digest is None else f"@{digest}"
    first = components[0]
    assume(len(components) == 1 or not ("." in first or first == "localhost"))
    reference = Reference.parse(text)
    assert reference.domain == "docker.io"
    assert Reference.parse(reference.familiar) == reference


@given(st.text(alphabet="aA0.:/@_-[]\n é", max_size=20))
def test_any_text_is_a_reference_or_an_error(text):
    """Parsing ends by a reference that round-trips, or by our error."""
    try:
        reference = Reference.parse(text)
    except InvalidReferenceError as error:
        assert error.text == text  # noqa: PT017 - most texts end here
    else:
        assert Reference.parse(reference.familiar) == reference
