"""Manifests, tags, referrers and the catalog over each kind of driver."""

import json
import logging
import re
import threading
from datetime import timedelta

import pytest

from distribution import Digest, Manifest, RepositoryName, StoredNamespace, StoreOptions, Tag
from distribution.errors import (
    BlobUnknownError,
    DriverError,
    ManifestInvalidError,
    ManifestReferencesUnknownError,
    ManifestUnknownError,
    RepositoryUnknownError,
    TagUnknownError,
)
from distribution.interfaces import Page
from distribution.storage import layout, referrers
from distribution.storage.drivers.memory import MemoryDriver
from distribution.storage.rules import ManifestRules
from tests.storage.conftest import NAME
from tests.support.images import OCI_LAYER, descriptor, image, index, layer

LATEST = Tag("latest")
FOREIGN = "application/vnd.oci.image.layer.nondistributable.v1.tar"


def push_blob(repository, content, algorithm="sha256"):
    with repository.uploads.resume(repository.uploads.start().id) as opened:
        opened.write(content)
        return opened.commit(Digest.of(content, algorithm)).digest


def push(repository, made, *tags):
    for content in made.blobs:
        push_blob(repository, content, made.algorithm)
    manifest = Manifest.parse(made.manifest, made.media_type, made.algorithm)
    repository.manifests.put(manifest, [Tag(tag) for tag in tags])
    return manifest.digest


def tags_of(repository, limit=100, last=None):
    return [str(tag) for tag in repository.tags.page(limit, last).items]


class Recording(MemoryDriver):
    """Records what is written, moved and deleted, in order."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def _put(self, path, content, *, expect, durable):
        self.calls.append(("put", path))
        super()._put(path, content, expect=expect, durable=durable)

    def _move(self, source, target):
        self.calls.append(("move", target))
        super()._move(source, target)

    def _delete(self, path):
        self.calls.append(("delete", path))
        super()._delete(path)


# --- manifests ---------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_served_by_tag_and_by_digest(fresh, algorithm):
    """What was put is served as it came, by another process too."""
    made = image(algorithm=algorithm)
    digest = push(fresh(), made, "latest", "1.0")
    for reference in [digest, LATEST, Tag("1.0")]:
        for found in [fresh().manifests.get(reference), fresh().manifests.stat(reference)]:
            assert (found.raw, found.digest) == (made.manifest, digest)


def test_what_is_not_there(fresh):
    """A missing manifest is told by what it was asked for."""
    push(fresh(), image(), "latest")
    missing = Digest.of(b"missing")
    for call in [fresh().manifests.get, fresh().manifests.stat, fresh().manifests.delete]:
        with pytest.raises(ManifestUnknownError) as caught:
            call(missing)
        assert caught.value.reference == missing
    with pytest.raises(TagUnknownError):
        fresh().manifests.get(Tag("missing"))


def test_paths_of_the_layout():
    """A push writes Docker Distribution's files, with their content, in the order of design 2."""
    driver = Recording()
    repository = StoredNamespace(driver).repository(NAME)
    made = image()
    for content in made.blobs:
        push_blob(repository, content)
    manifest = Manifest.parse(made.manifest)
    driver.calls.clear()
    repository.manifests.put(manifest, [Tag("v1")])
    root, hexed = "/docker/registry/v2", manifest.digest.hex
    app = f"{root}/repositories/library/app/_manifests"
    assert driver.calls == [
        ("put", f"{root}/blobs/sha256/{hexed[:2]}/{hexed}/data"),
        ("put", f"{app}/revisions/sha256/{hexed}/link"),
        ("put", f"{app}/tags/v1/index/sha256/{hexed}/link"),
        ("put", f"{app}/tags/v1/current/link"),
    ]
    assert driver.get(f"{app}/tags/v1/current/link") == f"sha256:{hexed}".encode()


def test_blob_data_before_its_link():
    """A blob is published before the repository says that it has it."""
    driver = Recording()
    digest = push_blob(StoredNamespace(driver).repository(NAME), b"content")
    calls = [path for what, path in driver.calls if what == "move" or path.endswith("/link")]
    assert calls == [
        f"/docker/registry/v2/blobs/sha256/{digest.hex[:2]}/{digest.hex}/data",
        f"/docker/registry/v2/repositories/library/app/_layers/sha256/{digest.hex}/link",
    ]


def test_referrers_link_before_the_revision():
    """Whoever sees a manifest finds it among the referrers of its subject too."""
    driver = Recording()
    repository = StoredNamespace(driver).repository(NAME)
    subject = image()
    made = image(subject=subject.descriptor())
    driver.calls.clear()
    digest = push(repository, made)
    links = [path for _, path in driver.calls if path.endswith("/link") and "_layers" not in path]
    app = "/docker/registry/v2/repositories/library/app"
    assert links == [
        f"{app}/_referrers/sha256/{subject.digest.hex}/sha256/{digest.hex}/link",
        f"{app}/_manifests/revisions/sha256/{digest.hex}/link",
    ]


def test_deletes_go_in_reverse():
    """Tags go first, then the revision, then what it refers to."""
    driver = Recording()
    repository = StoredNamespace(driver).repository(NAME)
    digest = push(repository, image(subject=image().descriptor()), "a", "b")
    driver.calls.clear()
    repository.manifests.delete(digest)
    shown = [path.split("/library/app/")[1].split("/sha256/")[0] for _, path in driver.calls]
    assert shown == ["_manifests/tags/a", "_manifests/tags/b", "_manifests/revisions", "_referrers"]


def test_delete_takes_the_tags_that_point_at_it(fresh):
    """A deleted manifest has no tags, and other manifests keep theirs."""
    digest = push(fresh(), image(), "a", "c")
    push(fresh(), image(), "b")
    fresh().manifests.delete(digest)
    assert tags_of(fresh()) == ["b"]
    with pytest.raises(ManifestUnknownError):
        fresh().manifests.get(digest)


def test_deleted_manifest_is_not_served_from_memory(fresh):
    """What one process remembers another can delete."""
    repository = fresh()
    digest = push(repository, image(), "latest")
    fresh().manifests.delete(digest)
    for reference in [digest, LATEST]:
        with pytest.raises(ManifestUnknownError):
            repository.manifests.get(reference)


def test_refused_manifest_leaves_nothing(driver, fresh):
    """A manifest whose layers are not in this repository is not stored, and all are named."""
    made = image(layer({"a": b"a"}), layer({"b": b"b"}))
    other = fresh(RepositoryName("other"))
    for content in made.blobs:
        push_blob(other, content)
    before = [info.path for info in driver.walk("/")]
    with pytest.raises(ManifestReferencesUnknownError) as caught:
        fresh().manifests.put(Manifest.parse(made.manifest), [LATEST])
    assert set(caught.value.digests) == {Digest.of(content) for content in made.blobs}
    assert [info.path for info in driver.walk("/")] == before


def test_index_may_list_blobs(fresh):
    """buildkit's registry cache is an index of layers, which Docker Distribution takes."""
    layer = image()
    parent = Manifest.parse(index(layer).manifest)
    push_blob(fresh(), layer.manifest)
    fresh().manifests.put(parent)
    assert fresh().manifests.get(parent.digest).is_index


def test_index_needs_its_children(fresh):
    """An index is accepted when its children are in this repository."""
    child = image()
    parent = Manifest.parse(index(child).manifest)
    with pytest.raises(ManifestReferencesUnknownError) as caught:
        fresh().manifests.put(parent)
    assert caught.value.digests == (child.digest,)
    push(fresh(), child)
    fresh().manifests.put(parent)
    assert fresh().manifests.get(parent.digest).is_index


def test_damaged_manifest_is_not_served(driver, fresh, caplog):
    """Bytes that are not the digest's are never given out as it, and an operator is told."""
    digest = push(fresh(), image(), "latest")
    driver.put(layout.blob_data(digest), b'{"damaged": true}')
    with caplog.at_level(logging.ERROR), pytest.raises(ManifestUnknownError):
        fresh().manifests.get(LATEST)
    assert "damaged" in caplog.text


def test_damaged_manifest_can_be_deleted_and_pushed_again(driver, fresh):
    """Damage is no dead end."""
    made = image()
    digest = push(fresh(), made, "latest")
    driver.put(layout.blob_data(digest), b"damaged")
    fresh().manifests.delete(digest)
    push(fresh(), made, "latest")
    assert fresh().manifests.get(LATEST).raw == made.manifest


def test_missing_bytes_are_told_by_stat(driver, fresh):
    """A manifest remembered is not there when its bytes are gone."""
    repository = fresh()
    digest = push(repository, image(), "latest")
    driver.delete(layout.blob(digest))
    with pytest.raises(ManifestUnknownError):
        repository.manifests.stat(LATEST)
    with pytest.raises(ManifestUnknownError):
        fresh().manifests.get(digest)


@pytest.mark.parametrize("options", [StoreOptions(cache_bytes=0), StoreOptions(cache_bytes=5000)])
def test_memory_is_no_condition(driver, options):
    """A store that may remember nothing serves the same."""
    repository = StoredNamespace(driver, options).repository(NAME)
    made = image()
    push(repository, made, "latest")
    assert repository.manifests.get(LATEST).raw == made.manifest


def test_use_renews(driver):
    """HEAD of what is old makes it young, so that no collector takes it for unused."""
    options = StoreOptions(grace=timedelta(0))
    repository = StoredNamespace(driver, options).repository(NAME)
    digest = push(repository, image(), "latest")
    blob = push_blob(repository, b"blob")
    for name, use in [(digest, repository.manifests.stat), (blob, repository.blobs.stat)]:
        before = driver.stat(layout.blob_data(name)).modified
        deadline = threading.Event()
        deadline.wait(0.02)
        use(name)
        assert driver.stat(layout.blob_data(name)).modified > before


# --- rules ---------------------------------------------------------------------------------------


def rules_store(driver, **rules):
    return StoredNamespace(driver, StoreOptions(rules=ManifestRules(**rules))).repository(NAME)


def with_url(url):
    made = image()
    manifest = json.loads(made.manifest)
    manifest["layers"].append(descriptor(b"foreign", FOREIGN, urls=[url]))
    made.manifest = json.dumps(manifest).encode()
    return made


@pytest.mark.parametrize(
    ("url", "accepted"),
    [
        ("https://example.com/layer", True),
        ("http://example.com", True),
        *[(url, False) for url in ["ftp://a/b", "file:///etc/passwd", "", "//a", "https://", "x"]],
        *[(url, False) for url in ["https://a/#b", "https://[", "https://a/" + "x" * 5000]],
    ],
)
def test_urls_of_layers_that_lie_elsewhere(driver, url, accepted):
    """A foreign layer need not be here; its address must be one of the web."""
    if accepted:
        push(rules_store(driver), with_url(url), "latest")
        assert tags_of(rules_store(driver)) == ["latest"]
    else:
        with pytest.raises(ManifestInvalidError):
            push(rules_store(driver), with_url(url), "latest")


@pytest.mark.parametrize(
    ("allow", "deny", "accepted"),
    [
        ([r"^https://example\.com/"], [], True),
        ([r"^https://other/"], [], False),
        ([], [r"/layer$"], False),
        ([], [r"^http:"], True),
        ([r"example"], [r"example"], False),
    ],
)
def test_urls_that_the_operator_allows(driver, allow, deny, accepted):
    """An address must match one allowed pattern, if there is any, and no denied one."""
    rules = {
        "allow_urls": tuple(re.compile(each) for each in allow),
        "deny_urls": tuple(re.compile(each) for each in deny),
    }
    repository = rules_store(driver, **rules)
    if accepted:
        assert push(repository, with_url("https://example.com/layer"))
    else:
        with pytest.raises(ManifestInvalidError):
            push(repository, with_url("https://example.com/layer"))


def test_sparse_images(driver):
    """Where layers may be absent, the config still must not."""
    made = image()
    repository = rules_store(driver, layers="none")
    with pytest.raises(ManifestReferencesUnknownError):
        repository.manifests.put(Manifest.parse(made.manifest))
    push_blob(repository, made.blobs[0])
    repository.manifests.put(Manifest.parse(made.manifest))
    assert repository.manifests.get(made.digest).raw == made.manifest


@pytest.mark.parametrize(
    ("rules", "missing"),
    [
        ({"platforms": "all"}, 2),
        ({"platforms": "none"}, 0),
        ({"platforms": "list", "platform_list": frozenset({("linux", "arm64")})}, 1),
        ({"platforms": "list"}, 0),
    ],
)
def test_sparse_indexes(driver, rules, missing):
    """Which children must be there is for the operator to say."""
    parent = Manifest.parse(index(image(), image(architecture="arm64")).manifest)
    repository = rules_store(driver, **rules)
    if missing == 0:
        repository.manifests.put(parent)
        assert repository.manifests.get(parent.digest).is_index
    else:
        with pytest.raises(ManifestReferencesUnknownError) as caught:
            repository.manifests.put(parent)
        assert len(caught.value.digests) == missing


def test_child_without_a_platform_is_always_needed(driver):
    """What a list of platforms does not speak of must be there."""
    child = image()
    parent = index(child)
    document = json.loads(parent.manifest)
    del document["manifests"][0]["platform"]
    repository = rules_store(driver, platforms="list")
    with pytest.raises(ManifestReferencesUnknownError):
        repository.manifests.put(Manifest.parse(json.dumps(document).encode()))


# --- tags ----------------------------------------------------------------------------------------


def test_tags_in_pages(fresh):
    """Tags come in lexical order, page by page, from any text on."""
    names = ["1.0", "1.0-alpine", "A", "_x", "a", "b"]
    push(fresh(), image(), *reversed(names))
    assert tags_of(fresh()) == names
    page = fresh().tags.page(2)
    assert (page.items, page.more) == ((Tag("1.0"), Tag("1.0-alpine")), True)
    assert not fresh().tags.page(6).more
    assert tags_of(fresh(), 2, "1.0-alpine") == ["A", "_x"]
    for last in ["../x", "Z", "", "zz", "1.0-"]:
        assert tags_of(fresh(), 100, last) == [name for name in names if name > last]
    assert fresh().tags.page(0) == Page((), more=False)


def test_tags_of_nothing(fresh):
    """A repository that nothing was pushed to is unknown; one without tags has none."""
    for limit in [0, 10]:
        with pytest.raises(RepositoryUnknownError):
            fresh().tags.page(limit)
    push(fresh(), image())
    assert tags_of(fresh()) == []


def test_tag_is_moved(fresh):
    """A tag points where it was last put."""
    first = push(fresh(), image(), "latest")
    second = push(fresh(), image(), "latest")
    assert fresh().tags.get(LATEST) == second
    fresh().manifests.delete(first)
    assert fresh().tags.get(LATEST) == second


def test_tag_is_deleted_alone(fresh):
    """Without its tag a manifest is still there."""
    digest = push(fresh(), image(), "a", "ab")
    fresh().tags.delete(Tag("a"))
    assert tags_of(fresh()) == ["ab"]
    assert fresh().manifests.get(digest).digest == digest
    with pytest.raises(TagUnknownError):
        fresh().tags.delete(Tag("a"))


def test_dangling_tag_is_not_listed(driver, fresh):
    """A tag whose manifest is gone, as a crash leaves it, is not there."""
    repository = fresh()
    digest = push(repository, image(), "dangling")
    push(repository, image(), "sound")
    assert tags_of(repository) == ["dangling", "sound"]
    driver.delete(layout.revision(NAME, digest))
    assert tags_of(repository) == tags_of(fresh()) == ["sound"]


@pytest.mark.parametrize("content", [b"", b"garbage", b"sha256:", b"\xff" * 80, b"sha256:../../x"])
def test_malformed_links_are_absent(driver, fresh, caplog, content):
    """A link that holds no digest is told once, and counts as not there."""
    push(fresh(), image(), "bad", "good")
    blob = push_blob(fresh(), b"blob")
    driver.put(layout.tag_current(NAME, Tag("bad")), content)
    driver.put(layout.layer_link(NAME, blob), content)
    repository = fresh()
    with caplog.at_level(logging.WARNING):
        assert tags_of(repository) == ["good"]
        for _ in range(3):
            with pytest.raises(TagUnknownError):
                repository.tags.get(Tag("bad"))
            with pytest.raises(BlobUnknownError):
                repository.blobs.get(blob)
    assert sum("holds no digest" in each.getMessage() for each in caplog.records) == 2


def test_link_with_a_newline_is_read(driver, fresh):
    """A link written by hand works."""
    digest = push(fresh(), image(), "latest")
    driver.put(layout.tag_current(NAME, LATEST), f"{digest}\n".encode())
    assert fresh().tags.get(LATEST) == digest


# --- blobs ---------------------------------------------------------------------------------------


def test_blob_without_a_link_is_not_there(fresh):
    """What lies in the store is read in those repositories alone that link it (CVE-2024-39897)."""
    digest = push_blob(fresh(), b"content")
    other = fresh(RepositoryName("other"))
    for call in [other.blobs.stat, other.blobs.get, other.blobs.delete]:
        with pytest.raises(BlobUnknownError):
            call(digest)
    with pytest.raises(BlobUnknownError):
        fresh().blobs.mount(digest, RepositoryName("other"))


def test_mount(fresh):
    """A mounted blob is read here, and outlives the source's link."""
    digest = push_blob(fresh(), b"content")
    other = fresh(RepositoryName("other"))
    assert other.blobs.mount(digest, NAME).size == 7
    fresh().blobs.delete(digest)
    with other.blobs.get(digest).open(3) as reader:
        assert reader.read() == b"tent"
    with pytest.raises(BlobUnknownError):
        fresh().blobs.stat(digest)


def test_mount_from_any(fresh):
    """Without a source, a repository that the caller may read is found, and no other."""
    digest = push_blob(fresh(), b"content")
    other = fresh(RepositoryName("other"))
    with pytest.raises(BlobUnknownError):
        other.blobs.mount_from_any(digest, lambda name: False)
    with pytest.raises(BlobUnknownError):
        other.blobs.stat(digest)
    asked = []
    other.blobs.mount_from_any(digest, lambda name: asked.append(name) or True)
    assert asked == [NAME]
    assert other.blobs.stat(digest).digest == digest


def test_mount_from_any_checks_the_holder(driver, fresh):
    """A holder that has deleted its link is no source, and a garbled note is none either."""
    digest = push_blob(fresh(), b"content")
    fresh().blobs.delete(digest)
    with pytest.raises(BlobUnknownError):
        fresh(RepositoryName("other")).blobs.mount_from_any(digest, lambda name: True)
    driver.put(layout.blob_holders(digest), b"../etc\nUP\n\xff\n")
    with pytest.raises(BlobUnknownError):
        fresh(RepositoryName("other")).blobs.mount_from_any(digest, lambda name: True)


def test_holders_are_few(driver, fresh):
    """A blob of many repositories notes eight of them, each once."""
    for n in [*range(12), 0]:
        push_blob(fresh(RepositoryName(f"r{n:02}")), b"content")
    noted = driver.get(layout.blob_holders(Digest.of(b"content"))).decode().split()
    assert noted == [f"r{n:02}" for n in range(8)]


def test_holders_only_where_wanted(driver):
    """Noting holders can be switched off."""
    options = StoreOptions(anonymous_mount=False)
    digest = push_blob(StoredNamespace(driver, options).repository(NAME), b"content")
    with pytest.raises(DriverError):
        driver.get(layout.blob_holders(digest))


def test_alias_of_distribution(driver, fresh):
    """A sha512 that Distribution stored under its sha256 is found by either name."""
    content = b"content"
    target, alias = push_blob(fresh(), content), Digest.of(content, "sha512")
    driver.put(layout.layer_link(NAME, alias), str(target).encode())
    assert fresh().blobs.stat(alias).digest == target
    with fresh().blobs.get(alias).open() as reader:
        assert reader.read() == content
    other = fresh(RepositoryName("other"))
    other.blobs.mount(alias, NAME)
    assert driver.get(layout.layer_link(RepositoryName("other"), alias)) == str(target).encode()


def test_blob_of_nothing(fresh):
    """An empty blob is a blob."""
    digest = push_blob(fresh(), b"")
    assert fresh().blobs.stat(digest).size == 0
    assert fresh().blobs.get(digest).url("GET", timedelta(minutes=1)) is None


def test_deletes_wait_for_who_relies():
    """While somebody relies on content nothing is deleted."""
    namespace = StoredNamespace(MemoryDriver())
    repository = namespace.repository(NAME)
    digest = push(repository, image(), "latest")
    blob = push_blob(repository, b"blob")
    for delete, argument in [
        (repository.blobs.delete, blob),
        (repository.tags.delete, LATEST),
        (repository.manifests.delete, digest),
    ]:
        with namespace._store.guard.shared():
            thread = threading.Thread(target=delete, args=(argument,))
            thread.start()
            thread.join(0.05)
            assert thread.is_alive()
        thread.join(10)
        assert not thread.is_alive()


# --- referrers -----------------------------------------------------------------------------------


def listed(repository, subject, artifact_type=None, limit=100, last=None):
    page = repository.referrers.page(subject, artifact_type, limit=limit, last=last)
    return [each["digest"] for each in page.items]


def test_referrers(fresh):
    """Who names a subject is listed, whether or not the subject is there, until deleted."""
    subject = image()
    made = [image(subject=subject.descriptor(), artifactType=f"a/{n % 2}") for n in range(4)]
    digests = sorted(str(push(fresh(), each)) for each in made)
    assert listed(fresh(), subject.digest) == digests
    assert listed(fresh(), Digest.of(b"other")) == []
    odd = sorted(str(each.digest) for each in made[1::2])
    assert listed(fresh(), subject.digest, "a/1") == odd
    assert listed(fresh(), subject.digest, "a/2") == []
    fresh().manifests.delete(Digest.parse(digests[0]))
    assert listed(fresh(), subject.digest) == digests[1:]


@pytest.mark.parametrize("algorithms", [["sha256"], ["sha512"], ["sha256", "sha512"]])
def test_referrers_in_pages(fresh, algorithms):
    """Each page goes on where the last one ended, over algorithms too."""
    subject = image()
    digests = sorted(
        str(
            push(
                fresh(),
                image(subject=subject.descriptor(), algorithm=algorithms[n % len(algorithms)]),
            )
        )
        for n in range(5)
    )
    found, last, more = [], None, True
    while more:
        page = fresh().referrers.page(subject.digest, limit=2, last=last)
        assert 0 < len(page.items) <= 2
        found += [each["digest"] for each in page.items]
        last, more = page.last, page.more
    assert found == digests
    for odd in ["", "x", "sha256", "sha256:", "sha384:0", "zz:", ":"]:
        assert listed(fresh(), subject.digest, last=odd) == [each for each in digests if each > odd]


def test_referrers_pages_are_bounded_in_bytes(fresh, monkeypatch):
    """A page stays small enough for clients, and holds at least one."""
    monkeypatch.setattr(referrers, "_PAGE_BYTES", 1500)
    subject = image()
    for n in range(3):
        push(fresh(), image(subject=subject.descriptor(), annotations={"n": str(n) * 700}))
    page = fresh().referrers.page(subject.digest, limit=100)
    assert (len(page.items), page.more) == (1, True)
    rest = fresh().referrers.page(subject.digest, limit=100, last=page.last)
    assert rest.items[0]["digest"] > page.last


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_fall_back_tag_is_folded_in(driver, fresh, algorithm):
    """What a client listed under the fall-back tag, cut to fit for sha512, is among the rest."""
    subject = image(algorithm=algorithm)
    old, new = (image(subject=subject.descriptor()) for _ in range(2))
    push(fresh(), old)
    push(fresh(), new)
    driver.delete(layout.referrer(NAME, subject.digest, old.digest))
    assert listed(fresh(), subject.digest) == [str(new.digest)]
    stranger = image()
    push(fresh(), stranger)
    push(fresh(), index(old, stranger, new), f"{algorithm}-{subject.digest.hex[:64]}")
    expected = sorted([str(old.digest), str(new.digest)])
    assert listed(fresh(), subject.digest) == expected
    assert listed(fresh(), subject.digest, last=expected[0]) == expected[1:]


def test_fall_back_tag_that_is_no_index(fresh):
    """A tag of that name that holds an image lists nobody."""
    subject = image()
    push(fresh(), image(), f"sha256-{subject.digest.hex}")
    assert listed(fresh(), subject.digest) == []


def test_referrer_that_is_gone(driver, fresh):
    """A referrers link without its manifest, as a crash leaves it, lists nobody."""
    subject = image()
    digest = push(fresh(), image(subject=subject.descriptor()))
    driver.put(f"{layout.referrers(NAME, subject.digest)}/sha256/odd/link", b"")
    driver.delete(layout.revision(NAME, digest))
    assert listed(fresh(), subject.digest) == []


# --- the catalog ---------------------------------------------------------------------------

CATALOG = ["a", "a/b", "a/b/c", "a-b", "a.b", "b/deep/er", "z"]


@pytest.fixture
def catalog(driver, fresh):
    """A store with some repositories; return how to page it."""
    made = image()
    for name in reversed(CATALOG):
        push(fresh(RepositoryName(name)), made)
    push_blob(fresh(RepositoryName("blobs/only")), b"content")
    namespace = StoredNamespace(driver)

    def page(limit=100, last=None):
        found = namespace.repositories(limit, last)
        return [str(name) for name in found.items], found.more

    return page


def test_catalog_is_in_component_wise_order(catalog):
    """One name stands before those nested in it, and those before its longer-named siblings."""
    assert catalog() == (CATALOG, False)
    assert catalog(0) == ([], False)
    assert catalog(len(CATALOG)) == (CATALOG, False)
    assert catalog(3) == (CATALOG[:3], True)


def test_catalog_one_by_one(catalog):
    """Going on behind each name in turn finds every name once."""
    found, last, more = [], None, True
    while more:
        names, more = catalog(1, last)
        found += names
        last = names[-1]
    assert found == CATALOG


@pytest.mark.parametrize(
    "last",
    [
        *["a/a", "a/b/c/d", "a/c", "a-", "aa", "b", "b/deep", "b/x", "zz", "0", "a/b/", "/", "/a"],
        *[
            "../x",
            "UP",
            "a//b",
            ".",
            "..",
            "a/../b",
            "a/_manifests",
            "_x",
            "a b",
            "é",
            "\0",
            "a/UP",
        ],
        pytest.param("a/" * 5000, id="deep"),
        pytest.param("a/" * 127 + "a", id="as deep as names go"),
        pytest.param("a" * 10**5, id="long"),
    ],
)
def test_catalog_from_anywhere(catalog, last):
    """Any text is a place in the order, however wild."""
    expected = [name for name in CATALOG if name.split("/") > last.split("/")]
    assert catalog(100, last) == (expected, False)


def test_repository_without_manifests_is_not_listed(catalog, fresh):
    """A repository is listed while it has a manifest."""
    repository = fresh(RepositoryName("z"))
    repository.manifests.delete(image_digest(repository))
    assert catalog()[0] == CATALOG[:-1]


def image_digest(repository):
    made = image()
    push(repository, made, "x")
    digest = repository.tags.get(Tag("x"))
    for info in repository._store.driver.walk(layout.revisions(repository.name)):
        other = Digest("sha256", info.path.split("/")[-2])
        if other != digest:
            repository.manifests.delete(other)
    return digest


def test_foreign_folders_are_stepped_over(driver, catalog):
    """Folders that are no repositories' do not disturb the catalog."""
    for path in ["/UP/_manifests/revisions/sha256/x/link", "/a/_odd/x", "/file"]:
        driver.put(f"{layout.REPOSITORIES}{path}", b"")
    assert catalog() == (CATALOG, False)


def test_empty_catalog(driver):
    """A store that nothing was written to has no repositories."""
    assert StoredNamespace(driver).repositories(10).items == ()
    assert StoredNamespace(driver).driver is driver


def test_layer_media_types_are_opaque(fresh):
    """Layers of any type are taken."""
    made = image(layer({"a": b"a"}))
    assert OCI_LAYER in made.manifest.decode()
    made.manifest = made.manifest.replace(OCI_LAYER.encode(), b"application/x-unknown")
    assert fresh().manifests.get(push(fresh(), made)).raw == made.manifest
