import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distribution.digest import HEX_LENGTH, Digest
from distribution.errors import InvalidDigestError

# FIPS 180-4 example vectors, of the message "abc".
ABC = {
    "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    "sha384": (
        "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
        "8086072ba1e7cc2358baeca134c825a7"
    ),
    "sha512": (
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
        "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
    ),
}


@pytest.mark.parametrize("algorithm", ABC)
def test_hashes_as_the_standard_says(algorithm):
    """The digest of a standard's message is the standard's."""
    digest = Digest.of(b"abc", algorithm)
    assert str(digest) == f"{algorithm}:{ABC[algorithm]}"
    assert Digest.parse(str(digest)) == digest


def test_canonical_algorithm_is_sha256():
    """Content whose pusher names no algorithm is named by sha256."""
    assert str(Digest.of(b"abc")) == f"sha256:{ABC['sha256']}"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("sha256", id="no colon"),
        pytest.param("sha256:", id="no hex"),
        pytest.param(":" + "a" * 64, id="no algorithm"),
        pytest.param("a" * 64, id="hex alone"),
        pytest.param("sha256:" + "a" * 63, id="one too few"),
        pytest.param("sha256:" + "a" * 65, id="one too many"),
        pytest.param("sha256:" + "a" * 128, id="of sha512's length"),
        pytest.param("sha512:" + "a" * 64, id="of sha256's length"),
        pytest.param("sha256:" + "A" * 64, id="upper-case hex"),
        pytest.param("SHA256:" + "a" * 64, id="upper-case algorithm"),
        pytest.param("sha256:" + "g" * 64, id="no hex digits"),
        pytest.param("sha256:" + "a" * 63 + "\n", id="newline within"),
        pytest.param("sha256:" + "a" * 64 + "\n", id="newline behind"),
        pytest.param(" sha256:" + "a" * 64, id="space before"),
        pytest.param("sha256:" + "a" * 63 + "\0", id="nul"),
        pytest.param("sha256:" + "\u0661" * 64, id="digits of another script"),
        pytest.param("sha256:../../" + "a" * 58, id="path"),
        pytest.param("sha256:../../etc/passwd", id="short path"),
        pytest.param("sha1:" + "a" * 40, id="sha1"),
        pytest.param("md5:" + "a" * 32, id="md5"),
        pytest.param("sha3:" + "a" * 64, id="unknown algorithm"),
        pytest.param("sha256+b64:" + "a" * 64, id="separator"),
        pytest.param("../sha256:" + "a" * 64, id="algorithm with a path"),
        pytest.param("sha256::" + "a" * 64, id="two colons"),
        pytest.param("sha256:" + "a" * 64 + ":x", id="something behind"),
        pytest.param("sha256:" + "a" * 10_000_000, id="10 MB"),
    ],
)
def test_refuses_what_is_no_digest(text):
    """Text that is not a supported algorithm and its hex is refused; the message stays short."""
    with pytest.raises(InvalidDigestError) as caught:
        Digest.parse(text)
    assert caught.value.text == text
    assert len(str(caught.value)) < 1000


@given(st.sampled_from(sorted(HEX_LENGTH)), st.binary(max_size=300))
def test_content_matches_its_own_digest_alone(algorithm, content):
    """A digest matches the content that it is of, and none other."""
    digest = Digest.of(content, algorithm)
    assert digest.matches(content)
    assert not digest.matches(content + b"\0")
    assert Digest.parse(str(digest)) == digest


@given(st.text(max_size=80))
def test_any_text_is_a_digest_or_an_error(text):
    """Parsing ends by a digest that is written as it was read, or by our error."""
    try:
        assert str(Digest.parse(text)) == text
    except InvalidDigestError as error:
        assert error.text == text  # noqa: PT017 - most texts end here, and some do not


@pytest.mark.parametrize("algorithm", ABC)
def test_hasher_is_of_the_same_algorithm(algorithm):
    """What a digest's hasher takes in gives the digest again."""
    hasher = Digest.of(b"abc", algorithm).hasher()
    hasher.update(b"a")
    hasher.update(b"bc")
    assert hasher.hexdigest() == ABC[algorithm]


def test_digests_are_values():
    """Equal digests are one key; algorithms with equal beginnings are not."""
    first, again = Digest.of(b"abc"), Digest("sha256", hashlib.sha256(b"abc").hexdigest())
    assert {first: 1}[again] == 1
    assert first != Digest.of(b"abc", "sha512")
    with pytest.raises(AttributeError):
        first.hex = ""
