"""The power goes at any moment: what was acknowledged must be on the disk.

One story of pushes and deletes is recorded call by call (`disk_model`), as two workers would do it
in turn. For each moment of it the disk is built as badly as a crash may leave it, opened afresh,
and asked for everything.
"""

import os
import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count, cycle
from pathlib import Path
from typing import Any

import pytest

from distribution import Digest
from distribution.errors import (
    BlobUnknownError,
    DigestMismatchError,
    DistributionError,
    ManifestUnknownError,
    UploadUnknownError,
)
from distribution.manifest import Manifest
from distribution.reference import RepositoryName, Tag
from distribution.registry.wsgi import shared_secret
from distribution.storage import StoredNamespace
from distribution.storage.drivers.filesystem import FilesystemDriver
from tests.faults.disk_model import Disk, Op, Recorder, write_image
from tests.support import faults
from tests.support.images import Image, image, index, noise

#: Where the registry lies in the model's disk; nothing of it exists in the beginning.
ROOT = "volumes/registry"

MAIN, OTHER = "library/main", "other"

#: What something is expected to be: its bytes, its digest, or None for "not there".
Key = tuple[str, str, str]
Value = bytes | str | None


@dataclass
class Story:
    """Does what clients ask for, on one worker after the other, and marks what it told them."""

    root: Path
    recorder: Recorder
    sync: bool = True
    contents: dict[str, bytes] = field(default_factory=dict)
    """The content meant for each upload session."""

    def __post_init__(self) -> None:
        workers = [StoredNamespace(FilesystemDriver(self.root, sync=self.sync)) for _ in range(2)]
        self._workers = cycle(workers)

    def repository(self, name: str) -> Any:
        """Return a repository on the next worker."""
        return next(self._workers).repository(RepositoryName.parse(name))

    @contextmanager
    def promising(self, changes: dict[Key, Value]) -> Iterator[None]:
        for key, value in changes.items():
            self.recorder.mark("begin", key, value)
        yield
        for key, value in changes.items():
            self.recorder.mark("ack", key, value)

    def upload(self, name: str, content: bytes, *sizes: int, algorithm: str = "sha256") -> None:
        """Push a blob; each of *sizes* is the length of a request before the last one."""
        digest = Digest.of(content, algorithm)
        with self.promising({("blob", name, str(digest)): content}):
            session = self.repository(name).uploads.start(algorithm).id
            self.contents[session] = content
            self.recorder.mark("session", name, session)
            start = 0
            for size in sizes:
                self.patch(name, session, content[start : start + size])
                start += size
            with self.repository(name).uploads.resume(session) as upload:
                upload.write(content[start:])
                upload.commit(digest)

    def patch(self, name: str, session: str, content: bytes) -> None:
        """Append in two writes, and suspend."""
        with self.repository(name).uploads.resume(session) as upload:
            half = len(content) // 2
            upload.write(content[:half])
            upload.write(content[half:])

    def put(self, name: str, content: Image, *tags: str) -> None:
        """Push a manifest with tags."""
        digest = str(content.digest)
        changes: dict[Key, Value] = {("manifest", name, digest): content.manifest}
        changes |= {("tag", name, tag): digest for tag in tags}
        with self.promising(changes):
            parsed = Manifest.parse(content.manifest, content.media_type)
            self.repository(name).manifests.put(parsed, [Tag(tag) for tag in tags])

    def delete_manifest(self, name: str, content: Image, *tags: str) -> None:
        changes: dict[Key, Value] = {("manifest", name, str(content.digest)): None}
        changes |= {("tag", name, tag): None for tag in tags}
        with self.promising(changes):
            self.repository(name).manifests.delete(content.digest)

    def delete_tag(self, name: str, tag: str) -> None:
        with self.promising({("tag", name, tag): None}):
            self.repository(name).tags.delete(Tag(tag))

    def delete_blob(self, name: str, content: bytes) -> None:
        digest = Digest.of(content)
        with self.promising({("blob", name, str(digest)): None}):
            self.repository(name).blobs.delete(digest)

    def mount(self, name: str, content: bytes, source: str) -> None:
        digest = Digest.of(content)
        with self.promising({("blob", name, str(digest)): content}):
            self.repository(name).blobs.mount(digest, RepositoryName.parse(source))


LAYERS = [noise(3000, seed=n) for n in range(4)]
FIRST, SECOND = image(LAYERS[0], LAYERS[1]), image(LAYERS[1], LAYERS[2], architecture="arm64")
BOTH = index(FIRST, SECOND)
SIGNATURE = image(LAYERS[3], subject=FIRST.descriptor())
IMAGES = [FIRST, SECOND, BOTH, SIGNATURE]


def tell(story: Story) -> None:
    """Do everything once that writes."""
    story.upload(MAIN, LAYERS[0])
    story.upload(MAIN, LAYERS[1], 1000, 1500)
    story.upload(MAIN, FIRST.blobs[0])
    story.put(MAIN, FIRST, "v1", "latest")
    story.upload(MAIN, SECOND.blobs[0], 100)
    story.upload(MAIN, LAYERS[2], 2999)
    story.put(MAIN, SECOND, "latest")
    story.upload(MAIN, LAYERS[3], 1, algorithm="sha512")
    story.mount(OTHER, LAYERS[1], MAIN)
    story.upload(MAIN, LAYERS[3], 3000)
    story.upload(MAIN, SIGNATURE.blobs[0])
    story.put(MAIN, SIGNATURE)
    # A folder that one worker knows is deleted by the other, and made anew by the first.
    story.put(MAIN, FIRST, "moving")
    story.delete_tag(MAIN, "moving")
    story.put(MAIN, FIRST, "moving")
    story.put(MAIN, SECOND, "moving")
    story.delete_manifest(MAIN, FIRST, "v1")
    story.put(MAIN, FIRST, "v1")
    story.put(MAIN, BOTH, "all")
    story.delete_blob(OTHER, LAYERS[1])
    story.upload(OTHER, LAYERS[1])
    story.upload(MAIN, LAYERS[0], 2000)
    session = story.repository(OTHER).uploads.start().id
    story.contents[session] = LAYERS[2]
    story.recorder.mark("session", OTHER, session)
    story.patch(OTHER, session, LAYERS[2][:1200])
    story.patch(OTHER, session, LAYERS[2][1200:2600])


@dataclass
class Recording:
    """A story that was told."""

    base: Path
    log: list[Op]
    contents: dict[str, bytes]


def record(base: Path, *, sync: bool = True) -> Recording:
    base.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        recorder = Recorder(patch, base)
        story = Story(base / ROOT, recorder, sync=sync)
        tell(story)
    return Recording(base, recorder.log, story.contents)


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return record(tmp_path_factory.mktemp("story") / "disk")


@dataclass
class Expectations:
    """What may be found after a crash, as far as a log was played."""

    allowed: dict[Key, list[Value]] = field(default_factory=dict)
    sessions: list[tuple[str, str]] = field(default_factory=list)

    def take(self, mark: Op) -> bool:
        """Learn from a mark; False for what is none."""
        match mark:
            case ("begin", key, value):
                self.allowed.setdefault(key, [None]).append(value)
            case ("ack", key, value):
                self.allowed[key] = [value]
            case ("session", name, session):
                self.sessions.append((name, session))
            case _:
                return False
        return True


@dataclass
class Inspection:
    """One disk after one crash."""

    root: Path
    contents: dict[str, bytes]
    wrong: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._namespace = StoredNamespace(FilesystemDriver(self.root, sync=False))

    def run(self, expected: Expectations, *, zeros: bool) -> list[str]:
        """Return what is not as it must be."""
        for step in (
            lambda: self._check_served(expected.allowed),
            self._check_lists,
            lambda: self._check_sessions(expected.sessions, zeros=zeros),
            self._push_again,
        ):
            try:
                step()
            except DistributionError as error:
                self.wrong.append(f"a later request: {error!r}")
        return self.wrong

    def _repository(self, name: str) -> Any:
        return self._namespace.repository(RepositoryName.parse(name))

    def _check_served(self, allowed: dict[Key, list[Value]]) -> None:
        self.wrong += [f"damaged: {path}" for path in faults.damaged(self.root)]
        for key, values in allowed.items():
            if self._served(*key) not in values:
                self.wrong.append(f"{' '.join(key)}: not what was acknowledged")

    def _served(self, kind: str, name: str, what: str) -> Value:
        repository = self._repository(name)
        try:
            if kind == "tag":
                return str(repository.manifests.get(Tag(what)).digest)
            if kind == "manifest":
                raw: bytes = repository.manifests.get(Digest.parse(what)).raw
                return raw
            with repository.blobs.get(Digest.parse(what)).open() as stored:
                content: bytes = stored.read()
                return content
        except (ManifestUnknownError, BlobUnknownError):
            return None

    def _check_lists(self) -> None:
        for name in self._namespace.repositories(100).items:
            repository = self._repository(str(name))
            repository.referrers.page(FIRST.digest, limit=10)
            for tag in repository.tags.page(100).items:
                for child in repository.manifests.get(tag).references():
                    kind = "manifest" if tag.text == "all" else "blob"
                    if self._served(kind, str(name), str(child.digest)) is None:
                        self.wrong.append(f"{name}:{tag} lacks {child.digest}")

    def _check_sessions(self, known: list[tuple[str, str]], *, zeros: bool) -> None:
        for name, session in known:
            content = self.contents[session]
            uploads = self._repository(name).uploads
            try:
                offset = uploads.status(session).offset
            except UploadUnknownError:
                continue
            digest = Digest.of(content)
            with uploads.resume(session, at=offset) as upload:
                upload.write(content[offset:])
                try:
                    upload.commit(digest)
                except DigestMismatchError:
                    # Zeros that the file system made up count as received where no hash state
                    # tells better. They are refused, and the push begins anew.
                    if not zeros:
                        self.wrong.append(f"session {session} from {offset}: a wrong digest")
            if self._is_known(name, session):
                self.wrong.append(f"session {session} lives on")

    def _is_known(self, name: str, session: str) -> bool:
        try:
            self._repository(name).uploads.status(session)
        except UploadUnknownError:
            return False
        return True

    def _push_again(self) -> None:
        repository = self._repository(MAIN)
        for content in IMAGES:
            for blob in content.blobs:
                session = repository.uploads.start().id
                for part in (blob[:500], blob[500:]):
                    with repository.uploads.resume(session) as upload:
                        upload.write(part)
                with repository.uploads.resume(session) as upload:
                    upload.commit(Digest.of(blob))
                if self._served("blob", MAIN, str(Digest.of(blob))) != blob:
                    self.wrong.append("a blob that was pushed again is not there")
            parsed = Manifest.parse(content.manifest, content.media_type)
            repository.manifests.put(parsed, [Tag("v1"), Tag("again")])
            if self._served("tag", MAIN, "again") != str(content.digest):
                self.wrong.append("a tag that was set again is not there")
        self.wrong += [f"damaged in the end: {path}" for path in faults.damaged(self.root)]


def losses(
    recording: Recording,
    folder: Path,
    *,
    fate: str = "dropped",
    seed: int | None = None,
    every: int = 1,
    **disk: bool,
) -> list[str]:
    """Crash at each moment of a recording; return what was wrong after any."""
    model = Disk(recording.base, **disk)
    expected = Expectations()
    chance = None if seed is None else random.Random(seed)
    found: list[str] = []
    previous: object = None
    for moment, op in enumerate(recording.log):
        if not expected.take(op):
            model.apply(op)
        if chance is not None and chance.randrange(every):
            continue
        left = model.image(fate, chance)
        state = (left, {key: list(values) for key, values in expected.allowed.items()})
        if state == previous:
            continue
        previous = state
        crashed = folder / f"{moment}"
        write_image(crashed, left)
        inspection = Inspection(crashed / ROOT, recording.contents)
        wrong = inspection.run(expected, zeros=fate == "zeros" or chance is not None)
        found += [f"after {moment} {op[:2]}: {each}" for each in wrong]
        shutil.rmtree(crashed)
        if len(found) > 20:
            break
    return found


@pytest.mark.parametrize("fate", ["dropped", "zeros"])
def test_what_was_acknowledged_survives(recording: Recording, tmp_path: Path, fate: str) -> None:
    """With nothing on the disk but what was synced, every promise holds and all goes on."""
    assert losses(recording, tmp_path, fate=fate) == []


@pytest.mark.parametrize("seed", range(3))
def test_whatever_else_reached_the_disk(recording: Recording, tmp_path: Path, seed: int) -> None:
    """The same holds where any part of what was not synced did reach the disk."""
    assert losses(recording, tmp_path, seed=seed, every=16) == []


@pytest.mark.parametrize(
    "disk",
    [
        pytest.param({"folder_syncs": False}, id="folders"),
        pytest.param({"file_syncs": False}, id="files"),
    ],
)
def test_the_syncs_are_what_saves(
    recording: Recording, tmp_path: Path, disk: dict[str, bool]
) -> None:
    """A disk that takes no notice of syncs is seen to lose something."""
    assert losses(recording, tmp_path, **disk) != []


def test_without_syncs_content_is_lost(tmp_path: Path) -> None:
    """``sync: false`` gives up just this promise."""
    assert losses(record(tmp_path / "disk", sync=False), tmp_path) != []


def test_no_folder_counts_as_synced_too_early(tmp_path: Path) -> None:
    """A put into a new folder is durable although another put there is still syncing the way up."""
    moments = 0
    while (left := _second_put_during_sync(tmp_path / f"{moments}", moments)) is not None:
        assert left.get(f"{ROOT}/a/b/c/two") == b"2", moments
        moments += 1
    assert moments > 5


def _second_put_during_sync(base: Path, moment: int) -> dict[str, bytes | None] | None:
    """Put a file into a new folder, and another one there during one of the syncs of the first.

    Returns what a crash leaves once the second is acknowledged; None if there are no more syncs.
    """
    base.mkdir()
    driver = FilesystemDriver(base / ROOT)
    syncs = count()

    def meanwhile(_path: str) -> None:
        if next(syncs) == moment:
            driver.put("/a/b/c/two", b"2")
            recorder.mark("acknowledged")

    with pytest.MonkeyPatch.context() as patch:
        recorder = Recorder(patch, base)
        recorder.after_sync = meanwhile
        driver.put("/a/b/c/one", b"1")
    disk = Disk(base)
    for op in recorder.log:
        if op == ("acknowledged",):
            return disk.image("dropped")
        disk.apply(op)
    return None


def test_leftovers_of_a_process_with_the_same_number(tmp_path: Path) -> None:
    """In a container process numbers come again, so names of unpublished files may be taken."""
    driver = FilesystemDriver(tmp_path)
    driver.put("/folder/file", b"old")
    for serial in range(10):
        (tmp_path / "folder" / f".part-{os.getpid()}-{serial}").write_bytes(b"left behind")
    driver.put("/folder/file", b"new")
    assert driver.get("/folder/file") == b"new"


def test_a_hash_state_of_lost_data_does_not_count(tmp_path: Path) -> None:
    """Where a session lost its data, a hash state of it is never taken for one of new data."""
    old, new = noise(2000, seed=1), noise(5000, seed=2)
    root, crashed = tmp_path / "root", tmp_path / "crashed"
    uploads = _uploads(root)
    session = uploads.start().id
    with uploads.resume(session) as upload:
        upload.write(old)
    next(root.rglob(f"{session}/data")).unlink()
    with uploads.resume(session, at=0) as upload:
        upload.write(new[:3000])
        shutil.copytree(root, crashed)
    uploads = _uploads(crashed)
    offset = uploads.status(session).offset
    with uploads.resume(session, at=offset) as upload:
        upload.write(new[offset:])
        assert upload.commit(Digest.of(new)).size == len(new)


def _uploads(root: Path) -> Any:
    namespace = StoredNamespace(FilesystemDriver(root))
    return namespace.repository(RepositoryName.parse(MAIN)).uploads


def test_a_secret_that_a_power_cut_emptied_is_made_anew(tmp_path: Path) -> None:
    """An empty key would let anybody sign the state of an upload."""
    driver = FilesystemDriver(tmp_path)
    (tmp_path / ".distribution").mkdir()
    (tmp_path / ".distribution/http-secret").touch()
    made = shared_secret(driver)
    assert len(made) == 32
    assert shared_secret(driver) == made
