"""Hash states against an implementation of our own, written from FIPS 180-4."""

import hashlib
import struct
from math import isqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distribution.storage import hashstate
from distribution.storage.background import BackgroundHash

MAGIC = {"sha256": b"sha\x03", "sha384": b"sha\x04", "sha512": b"sha\x07"}
HASHES = sorted(MAGIC)


def primes(count):
    found = []
    candidate = 2
    while len(found) < count:
        if all(candidate % prime for prime in found):
            found.append(candidate)
        candidate += 1
    return found


def cube_root(number):
    low, high = 0, 1 << (number.bit_length() // 3 + 2)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**3 <= number else (low, middle - 1)
    return low


class Spec:
    """SHA-2 of one word size, as FIPS 180-4 writes it down (sections 4 to 6)."""

    def __init__(self, algorithm):
        self.bits = 32 if algorithm == "sha256" else 64
        self.mask = (1 << self.bits) - 1
        self.word = ">%d" + ("I" if self.bits == 32 else "Q")
        self.block = 2 * self.bits
        rounds = 64 if self.bits == 32 else 80
        self.k = [cube_root(prime << 3 * self.bits) & self.mask for prime in primes(rounds)]
        # SHA-384 begins with the roots of the ninth to sixteenth primes.
        first = 8 if algorithm == "sha384" else 0
        chosen = primes(16)[first : first + 8]
        self.h = [isqrt(prime << 2 * self.bits) & self.mask for prime in chosen]
        if self.bits == 32:
            self.turns = (2, 13, 22), (6, 11, 25), (7, 18, 3), (17, 19, 10)
        else:
            self.turns = (28, 34, 39), (14, 18, 41), (1, 8, 7), (19, 61, 6)

    def right(self, x, n):
        return (x >> n | x << (self.bits - n)) & self.mask

    def big(self, x, turns):
        return self.right(x, turns[0]) ^ self.right(x, turns[1]) ^ self.right(x, turns[2])

    def small(self, x, turns):
        return self.right(x, turns[0]) ^ self.right(x, turns[1]) ^ x >> turns[2]

    def compress(self, h, block):
        w = list(struct.unpack(self.word.replace("%d", "16"), block))
        for t in range(16, len(self.k)):
            s1, s0 = self.small(w[t - 2], self.turns[3]), self.small(w[t - 15], self.turns[2])
            w.append((s1 + w[t - 7] + s0 + w[t - 16]) & self.mask)
        a, b, c, d, e, f, g, last = h
        for k, word in zip(self.k, w, strict=True):
            choice = (e & f) ^ (~e & g)
            first = last + self.big(e, self.turns[1]) + choice + k + word
            second = self.big(a, self.turns[0]) + ((a & b) ^ (a & c) ^ (b & c))
            a, b, c, d, e, f, g, last = (
                *((first + second) & self.mask, a, b, c),
                *((d + first) & self.mask, e, f, g),
            )
        return [(x + y) & self.mask for x, y in zip(h, (a, b, c, d, e, f, g, last), strict=True)]

    def state(self, magic, content):
        """Return the state behind *content*, laid out as Go's ``MarshalBinary`` does."""
        h = self.h
        whole = len(content) - len(content) % self.block
        for start in range(0, whole, self.block):
            h = self.compress(h, content[start : start + self.block])
        words = struct.pack(self.word.replace("%d", "8"), *h)
        rest = content[whole:].ljust(self.block, b"\0")
        return magic + words + rest + struct.pack(">Q", len(content))


SPECS = {algorithm: Spec(algorithm) for algorithm in HASHES}
LENGTHS = [0, 1, 55, 56, 63, 64, 65, 111, 112, 127, 128, 129, 200, 1000]
CONTENT = bytes(range(251)) * 4


def test_initial_state_is_the_standards():
    """The form is: magic, eight words, the block begun, the length; all big-endian."""
    begun = hashstate.start("sha256")
    begun.update(b"hello, ")
    literal = (
        bytes.fromhex("736861036a09e667bb67ae853c6ef372a54ff53a510e527f9b05688c1f83d9ab5be0cd19")
        + b"hello, "
        + bytes(57)
        + (7).to_bytes(8, "big")
    )
    assert begun.state() == literal


@pytest.mark.parametrize("algorithm", HASHES)
@pytest.mark.parametrize("length", LENGTHS)
def test_state_is_what_go_writes(algorithm, length):
    """Our state is, byte for byte, the one computed from the standard."""
    begun = hashstate.start(algorithm)
    begun.update(CONTENT[:length])
    assert begun.state() == SPECS[algorithm].state(MAGIC[algorithm], CONTENT[:length])


@pytest.mark.parametrize("algorithm", HASHES)
@pytest.mark.parametrize("length", LENGTHS)
def test_goes_on_from_what_go_wrote(algorithm, length):
    """A state computed from the standard leads to the right hash."""
    state = SPECS[algorithm].state(MAGIC[algorithm], CONTENT[:length])
    resumed = hashstate.restore(algorithm, state)
    resumed.update(CONTENT[length:])
    assert resumed.hexdigest() == hashlib.new(algorithm, CONTENT).hexdigest()


@pytest.mark.parametrize("algorithm", HASHES)
def test_lengths_beyond_32_bits(algorithm):
    """The length survives where a C word holds only half of its bits."""
    state = SPECS[algorithm].state(MAGIC[algorithm], b"")[:-8] + struct.pack(">Q", 5 << 32)
    assert hashstate.restore(algorithm, state).state() == state


@given(st.sampled_from(HASHES), st.lists(st.binary(max_size=300), max_size=8))
def test_any_split_gives_the_same_hash(algorithm, chunks):
    """However content is cut, writing the state down in between changes nothing."""
    current = hashstate.start(algorithm)
    for chunk in chunks:
        current.update(chunk)
        assert current.hexdigest() == current.hexdigest()  # asking does not disturb it
        current = hashstate.restore(algorithm, current.state())
    assert current.hexdigest() == hashlib.new(algorithm, b"".join(chunks)).hexdigest()
    assert current.algorithm == algorithm


@pytest.mark.parametrize("algorithm", HASHES)
@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda state: b"", id="empty"),
        pytest.param(lambda state: state[:-1], id="cut off"),
        pytest.param(lambda state: state + b"\0", id="longer"),
        pytest.param(lambda state: b"sha\x02" + state[4:], id="of sha224"),
        pytest.param(lambda state: b"md5\x01" + state[4:], id="of md5"),
        pytest.param(lambda state: b"garbage", id="garbage"),
        pytest.param(lambda state: bytes(len(state)), id="zeros"),
    ],
)
def test_garbage_is_no_state(algorithm, damage):
    """What is no state of this algorithm cannot be gone on from."""
    state = hashstate.start(algorithm).state()
    assert hashstate.restore(algorithm, damage(state)) is None


def test_state_of_another_algorithm_is_none():
    """States of sha384 and sha512 look alike, and are told apart."""
    assert hashstate.restore("sha384", hashstate.start("sha512").state()) is None
    assert hashstate.restore("sha256", hashstate.start("sha512").state()) is None


def test_without_libcrypto_hashes_have_no_state(monkeypatch):
    """Where libcrypto is not there, hashes are right all the same, and told to have no state."""
    state = hashstate.start("sha256").state()
    monkeypatch.setattr(hashstate, "_library", lambda: None)
    plain = hashstate.start("sha256")
    plain.update(b"abc")
    assert plain.hexdigest() == hashlib.sha256(b"abc").hexdigest()
    assert (plain.algorithm, plain.state()) == ("sha256", None)
    assert hashstate.restore("sha256", state) is None


@pytest.mark.parametrize("names", [[], ["libnone.so.9"], ["libc.so.6"]])
def test_library_that_is_none(monkeypatch, names):
    """A library that is missing, or is another, is not used."""
    monkeypatch.setattr(hashstate, "_candidates", lambda: names)
    assert hashstate._library.__wrapped__() is None


def test_library_that_disagrees_is_not_used(monkeypatch):
    """A libcrypto whose context looks otherwise fails the self-test."""
    monkeypatch.setattr(hashstate, "_self_test", lambda library, algorithm: algorithm != "sha512")
    assert hashstate._library.__wrapped__() is None


def test_self_test_sees_a_wrong_hash(monkeypatch):
    """The self-test compares with `hashlib`."""
    library = hashstate._library()
    assert hashstate._self_test(library, "sha256")
    monkeypatch.setattr(hashstate.hashlib, "new", lambda name, data: hashlib.md5(data))
    assert not hashstate._self_test(library, "sha256")


# --- in the background ------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, 2, 3, 50])
def test_background_hash_keeps_the_order(count):
    """The hash is of the chunks in order, however many wait."""
    chunks = [bytes([n]) * 10_000 for n in range(count)]
    hashing = BackgroundHash(hashstate.start("sha256"))
    for chunk in chunks:
        hashing.update(chunk)
    assert hashing.settle().hexdigest() == hashlib.sha256(b"".join(chunks)).hexdigest()


def test_background_hash_goes_on_after_settling():
    """Settling leaves no thread behind, and is no end."""
    hashing = BackgroundHash(hashstate.start("sha256"))
    for _ in range(2):
        hashing.update(b"a")
        hashing.update(b"b")
        hashing.settle()
        assert hashing._thread is None
    assert hashing.settle().hexdigest() == hashlib.sha256(b"abab").hexdigest()
