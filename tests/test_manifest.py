import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distribution.digest import Digest
from distribution.errors import ManifestInvalidError
from distribution.manifest import ImageIndex, ImageManifest, Manifest
from distribution.mediatypes import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    DOCKER_SCHEMA1,
    DOCKER_SCHEMA1_SIGNED,
    OCI_INDEX,
    OCI_MANIFEST,
    OCTET_STREAM,
)
from tests.support.images import OCI_CONFIG, OCI_LAYER, descriptor, image, index

CONFIG = descriptor(b"config", OCI_CONFIG)
LAYER = descriptor(b"layer", OCI_LAYER)
CHILD = descriptor(b"child", OCI_MANIFEST)
IMAGE = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": CONFIG, "layers": [LAYER]}
INDEX = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [CHILD]}


def raw(document, **fields):
    return json.dumps({**document, **fields}).encode()


def without(document, *keys):
    return {key: value for key, value in document.items() if key not in keys}


def refused(content, content_type=None):
    """Return why a manifest is refused; the reason is one short line."""
    with pytest.raises(ManifestInvalidError) as caught:
        Manifest.parse(content, content_type)
    assert len(str(caught.value)) < 1000
    str(caught.value).encode()  # it goes into a response
    return caught.value.reason


# --- what is accepted ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("made", "model"),
    [
        pytest.param(image(), ImageManifest, id="OCI image"),
        pytest.param(image(docker=True), ImageManifest, id="Docker image"),
        pytest.param(index(image()), ImageIndex, id="OCI index"),
        pytest.param(index(image(), docker=True), ImageIndex, id="Docker list"),
    ],
)
def test_the_four_kinds(made, model):
    """Each kind is understood by its type, and refers to what must be there."""
    manifest = Manifest.parse(made.manifest, made.media_type)
    assert type(manifest.content) is model
    assert manifest.media_type == made.media_type
    assert manifest.is_index == (model is ImageIndex)
    found = json.loads(made.manifest)
    named = found["manifests"] if manifest.is_index else [found["config"], *found["layers"]]
    assert [str(each.digest) for each in manifest.references()] == [d["digest"] for d in named]
    assert [each.size for each in manifest.references()] == [d["size"] for d in named]


def test_bytes_are_kept():
    """White space, order and unknown fields survive: the digest is of the bytes that came."""
    content = b' {"unknown": {"b": 1, "a": [1.5e3, null]},\n' + raw(IMAGE)[1:] + b"\n"
    manifest = Manifest.parse(content, OCI_MANIFEST)
    assert manifest.raw == content
    assert manifest.digest == Digest.of(content)


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
def test_digest_is_of_the_algorithm_asked_for(algorithm):
    """A manifest may be named by another hash."""
    assert Manifest.parse(raw(IMAGE), None, algorithm).digest == Digest.of(raw(IMAGE), algorithm)


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(without(IMAGE, "mediaType"), id="OCI without mediaType"),
        pytest.param({**IMAGE, "mediaType": None}, id="null mediaType"),
        pytest.param({**IMAGE, "layers": []}, id="no layers"),
        pytest.param({**IMAGE, "layers": None}, id="null layers"),
        pytest.param(without(IMAGE, "layers"), id="layers missing"),
        pytest.param({**IMAGE, "subject": None}, id="null subject"),
        pytest.param({**IMAGE, "annotations": None}, id="null annotations"),
        pytest.param({**IMAGE, "annotations": {}}, id="no annotations"),
        pytest.param({**IMAGE, "artifactType": None}, id="null artifactType"),
        pytest.param({**IMAGE, "config": {**CONFIG, "urls": None}}, id="null urls"),
        pytest.param({**IMAGE, "config": {**CONFIG, "size": 0}}, id="size 0"),
        pytest.param({**IMAGE, "config": {**CONFIG, "size": 2**63 - 1}}, id="largest size"),
        pytest.param({**IMAGE, "config": {**CONFIG, "data": "e30="}}, id="embedded data"),
        pytest.param({**IMAGE, "subject": CHILD}, id="subject"),
        pytest.param({**IMAGE, "ConfigX": 1, "x-Layers": 2}, id="unknown keys"),
        pytest.param({**IMAGE, "annotations": {"Config": "", "layers": ""}}, id="keys within"),
        pytest.param({**IMAGE, "x": 10**4000}, id="4000 digits"),
        pytest.param({**IMAGE, "annotations": {"é": "\U0001f600"}}, id="unicode"),
    ],
)
def test_sound_images(document):
    """Optional fields may be missing or null, as Go writes them; unknown ones may be there."""
    assert Manifest.parse(raw(document), OCI_MANIFEST).references()[0].digest == Digest.of(
        b"config"
    )


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(without(INDEX, "mediaType"), id="OCI without mediaType"),
        pytest.param({**INDEX, "manifests": []}, id="no manifests"),
        pytest.param({**INDEX, "manifests": None}, id="null manifests"),
        pytest.param({**INDEX, "subject": CHILD}, id="subject"),
        pytest.param({**INDEX, "manifests": [{**CHILD, "platform": {"os": "linux"}}]}, id="half"),
        pytest.param({**INDEX, "manifests": [{**CHILD, "platform": None}]}, id="null platform"),
    ],
)
def test_sound_indexes(document):
    """An index may be empty, as clients make it for referrers."""
    assert Manifest.parse(raw(document), OCI_INDEX).is_index


def test_own_word_is_taken_without_a_content_type():
    """Where nothing else tells the type, the body does."""
    assert Manifest.parse(raw(IMAGE)).media_type == OCI_MANIFEST
    assert Manifest.parse(raw(INDEX)).media_type == OCI_INDEX


def test_many_layers_in_little_time():
    """30 000 layers are a manifest like any other."""
    content = raw(IMAGE, layers=[descriptor(b"%d" % n, OCI_LAYER) for n in range(30_000)])
    start = time.process_time()
    assert len(Manifest.parse(content).references()) == 30_001
    assert time.process_time() - start < 5


# --- what is refused ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "content_type"),
    [
        pytest.param({**IMAGE, "manifests": [CHILD]}, OCI_MANIFEST, id="image with manifests"),
        pytest.param({**IMAGE, "manifests": []}, OCI_MANIFEST, id="with no manifests"),
        pytest.param({**IMAGE, "manifests": None}, OCI_MANIFEST, id="with null manifests"),
        pytest.param({**IMAGE, "Manifests": [CHILD]}, OCI_MANIFEST, id="with Manifests"),
        pytest.param({**IMAGE, "MANIFESTS": [CHILD]}, OCI_MANIFEST, id="with MANIFESTS"),
        pytest.param({**IMAGE, "manife\u017fts": [CHILD]}, OCI_MANIFEST, id="with a long s"),
        pytest.param({**IMAGE, "layer\u017f": []}, OCI_MANIFEST, id="layers with a long s"),
        pytest.param({**IMAGE, "fsLayers": []}, OCI_MANIFEST, id="with fsLayers"),
        pytest.param({**IMAGE, "history": []}, OCI_MANIFEST, id="with history"),
        pytest.param({**IMAGE, "signatures": []}, OCI_MANIFEST, id="with signatures"),
        pytest.param({**IMAGE, "Layers": []}, OCI_MANIFEST, id="with Layers too"),
        pytest.param({**IMAGE, "Config": CONFIG}, OCI_MANIFEST, id="with Config too"),
        pytest.param({**IMAGE, "MediaType": OCI_INDEX}, OCI_MANIFEST, id="with MediaType too"),
        pytest.param({**IMAGE, "SchemaVersion": 1}, OCI_MANIFEST, id="with SchemaVersion too"),
        pytest.param({**IMAGE, "Subject": CHILD}, OCI_MANIFEST, id="with Subject"),
        pytest.param(
            {**IMAGE, "config": {**CONFIG, "Digest": CONFIG["digest"]}},
            OCI_MANIFEST,
            id="two digests",
        ),
        pytest.param({**IMAGE, "layers": [{**CHILD, "Size": 1}]}, OCI_MANIFEST, id="two sizes"),
        pytest.param(
            {**INDEX, "manifests": [{**CHILD, "MediaType": OCI_INDEX}]}, OCI_INDEX, id="two types"
        ),
        pytest.param({**INDEX, "layers": []}, OCI_INDEX, id="index with layers"),
        pytest.param({**INDEX, "config": CONFIG}, OCI_INDEX, id="index with config"),
        pytest.param({**INDEX, "Config": CONFIG}, OCI_INDEX, id="index with Config"),
        pytest.param({**IMAGE, "manifests": [CHILD]}, OCI_INDEX, id="image as index"),
        pytest.param({**without(IMAGE, "mediaType"), "manifests": []}, OCI_INDEX, id="no word"),
    ],
)
def test_refuses_what_two_readers_could_read_two_ways(document, content_type):
    """No body is an image to one client and an index to another (CVE-2021-41190)."""
    refused(raw(document), content_type)


@pytest.mark.parametrize(
    ("document", "content_type"),
    [
        pytest.param(IMAGE, OCI_INDEX, id="image as index"),
        pytest.param(IMAGE, DOCKER_MANIFEST, id="OCI as Docker"),
        pytest.param(INDEX, OCI_MANIFEST, id="index as image"),
        pytest.param(INDEX, DOCKER_LIST, id="OCI as Docker list"),
        pytest.param(without(IMAGE, "mediaType"), DOCKER_MANIFEST, id="Docker without"),
        pytest.param(without(INDEX, "mediaType"), DOCKER_LIST, id="list without"),
        pytest.param({**IMAGE, "mediaType": DOCKER_MANIFEST}, OCI_MANIFEST, id="Docker as OCI"),
        pytest.param({**IMAGE, "mediaType": ""}, OCI_MANIFEST, id="empty"),
        pytest.param({**IMAGE, "mediaType": 5}, OCI_MANIFEST, id="a number"),
        pytest.param({**IMAGE, "mediaType": [OCI_MANIFEST]}, OCI_MANIFEST, id="a list"),
        pytest.param({**IMAGE, "mediaType": "\ud800"}, OCI_MANIFEST, id="a surrogate"),
        pytest.param({**IMAGE, "mediaType": "x" * 10_000}, OCI_MANIFEST, id="long"),
        pytest.param({**IMAGE, "mediaType": "\ud800"}, None, id="its own word a surrogate"),
        pytest.param({**IMAGE, "mediaType": "x" * 10_000}, None, id="its own word long"),
        pytest.param(without(IMAGE, "mediaType"), None, id="no word at all"),
        pytest.param(IMAGE, "application/json", id="of no kind"),
        pytest.param({**IMAGE, "mediaType": DOCKER_SCHEMA1}, DOCKER_SCHEMA1, id="schema 1"),
        pytest.param(IMAGE, "text/plain; x", id="with parameters"),
    ],
)
def test_refuses_types_that_disagree(document, content_type):
    """`mediaType` and Content-Type agree on one of the four kinds, or the body is refused."""
    refused(raw(document), content_type)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"{", id="cut off"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b'"text"', id="a text"),
        pytest.param(b"null", id="null"),
        pytest.param(b"5", id="a number"),
        pytest.param(raw(IMAGE) + b"{}", id="two objects"),
        pytest.param(raw(IMAGE) + b"\0", id="NUL behind"),
        pytest.param(b"\xef\xbb\xbf" + raw(IMAGE), id="BOM"),
        pytest.param(json.dumps(IMAGE).encode("utf-16"), id="UTF-16"),
        pytest.param(json.dumps(IMAGE).encode("utf-32-le"), id="UTF-32"),
        pytest.param(raw(IMAGE)[:-1] + b', "x": "\xff"}', id="invalid UTF-8"),
        pytest.param(raw(IMAGE)[:-1] + b', "x": "\xed\xa0\x80"}', id="surrogate in UTF-8"),
        pytest.param(raw(IMAGE)[:-1] + b', "x": "\xc0\x80"}', id="overlong UTF-8"),
        pytest.param(raw(IMAGE)[:-1] + b', "x": "\n"}', id="line break in a text"),
        pytest.param(raw(IMAGE)[:-1] + b", 'x': 1}", id="single quotes"),
        pytest.param(raw(IMAGE)[:-1] + b",}", id="comma behind"),
        pytest.param(raw(IMAGE)[:-1] + b', "x": NaN}', id="NaN"),
        pytest.param(raw(IMAGE)[:-1] + b', "x": Infinity}', id="Infinity"),
        pytest.param(raw(IMAGE)[:-1] + b', "x": [-Infinity]}', id="-Infinity"),
        pytest.param(raw(IMAGE)[:-1] + b', "x": 1e999}', id="1e999"),
        pytest.param(raw(IMAGE)[:-1] + b', "x": {"y": [-1e999]}}', id="-1e999 within"),
        pytest.param(raw(IMAGE)[:-1] + b', "x": 1' + b"0" * 10_000 + b"}", id="10 001 digits"),
        pytest.param(raw(IMAGE)[:-1] + b', "x": 1' + b"0" * 10_000 + b".0}", id="and a point"),
        pytest.param(raw(IMAGE)[:-1] + b', "x": 1, "x": 1}', id="key twice"),
        pytest.param(raw(IMAGE)[:-1] + b', "layers": []}', id="layers twice"),
        pytest.param(raw(IMAGE)[:-1] + b', "\\u006cayers": []}', id="layers twice, escaped"),
        pytest.param(raw(IMAGE)[:-1] + b', "x": {"y": [{"z": 1, "z": 2}]}}', id="twice within"),
        pytest.param(b'{"x":' * 101 + b"1" + b"}" * 101, id="101 objects deep"),
        pytest.param(raw(IMAGE)[:-1] + b', "x": ' + b"[" * 100 + b"]" * 100 + b"}", id="101 deep"),
        pytest.param(raw(IMAGE)[:-1] + b', "x": ' + b"[" * 10**5 + b"]" * 10**5 + b"}", id="bomb"),
        pytest.param(b'{"x":' * 10**5 + b"1" + b"}" * 10**5, id="bomb of objects"),
        pytest.param(b"[" * 10**6, id="open bomb"),
    ],
)
def test_refuses_what_is_no_sound_json(content):
    """Whatever parsers disagree on, or choke on, is refused."""
    refused(content, OCI_MANIFEST)


@pytest.mark.parametrize("deep", [1, 50, 99])
def test_nesting_within_the_limit(deep):
    """Objects may be nested as deep as anyone needs."""
    content = raw(IMAGE)[:-1] + b', "x": ' + b"[" * deep + b"]" * deep + b"}"
    assert Manifest.parse(content).raw == content


@pytest.mark.parametrize(
    "size",
    [
        -1,
        2**63,
        10**30,
        1.0,
        1.5,
        1e3,
        True,
        False,
        "1",
        None,
        [],
        pytest.param("missing", id="text"),
    ],
)
@pytest.mark.parametrize("place", ["config", "layer", "child", "subject"])
def test_refuses_absurd_sizes(place, size):
    """A size is a whole number that fits Go's int64, wherever it stands; the reason names it."""
    bad = {**LAYER, "size": size}
    content = {
        "config": raw(IMAGE, config=bad),
        "layer": raw(IMAGE, layers=[LAYER, bad]),
        "child": raw(INDEX, manifests=[bad]),
        "subject": raw(IMAGE, subject=bad),
    }[place]
    assert "size" in refused(content)


@pytest.mark.parametrize("version", [1, 3, 0, -2, 2.0, "2", True, None, [2], 10**400])
def test_refuses_other_schema_versions(version):
    """`schemaVersion` is the number 2 and nothing like it."""
    for document in [IMAGE, INDEX]:
        assert "schemaVersion" in refused(raw(document, schemaVersion=version))
        assert "schemaVersion" in refused(raw(without(document, "schemaVersion")))


@pytest.mark.parametrize(
    ("content", "place"),
    [
        pytest.param(raw(without(IMAGE, "config")), "config", id="no config"),
        pytest.param(raw(IMAGE, config=None), "config", id="null config"),
        pytest.param(raw(IMAGE, config=[]), "config", id="config a list"),
        pytest.param(raw(IMAGE, config={}), "config", id="config empty"),
        pytest.param(raw(IMAGE, layers={}), "layers", id="layers a map"),
        pytest.param(raw(IMAGE, layers="abc"), "layers", id="layers a text"),
        pytest.param(raw(IMAGE, layers=[None]), "layers.0", id="null layer"),
        pytest.param(raw(IMAGE, layers=[LAYER, 5]), "layers.1", id="layer a number"),
        pytest.param(raw(without(INDEX, "manifests")), "manifests", id="no manifests"),
        pytest.param(raw(INDEX, manifests=[None]), "manifests.0", id="null child"),
        pytest.param(raw(IMAGE, config=without(CONFIG, "digest")), "digest", id="no digest"),
        pytest.param(raw(IMAGE, config={**CONFIG, "digest": None}), "digest", id="null digest"),
        pytest.param(raw(IMAGE, config={**CONFIG, "digest": 5}), "digest", id="digest a number"),
        pytest.param(
            raw(IMAGE, config={**CONFIG, "digest": "sha256:x"}), "digest", id="bad digest"
        ),
        pytest.param(
            raw(IMAGE, config={**CONFIG, "digest": "x" * 10**6}), "digest", id="digest of 1 MB"
        ),
        pytest.param(
            raw(IMAGE, config={**CONFIG, "digest": "sha256:../../../etc/passwd"}),
            "digest",
            id="path",
        ),
        pytest.param(raw(IMAGE, config={**CONFIG, "digest": "\u00e9"}), "digest", id="no ASCII"),
        pytest.param(raw(IMAGE, config={**CONFIG, "mediaType": ""}), "mediaType", id="no type"),
        pytest.param(
            raw(IMAGE, config={**CONFIG, "mediaType": 5}), "mediaType", id="type a number"
        ),
        pytest.param(raw(IMAGE, config=without(CONFIG, "mediaType")), "mediaType", id="without"),
        pytest.param(raw(IMAGE, config={**CONFIG, "urls": "http://a"}), "urls", id="urls a text"),
        pytest.param(raw(IMAGE, config={**CONFIG, "urls": [5]}), "urls", id="url a number"),
        pytest.param(raw(IMAGE, annotations={"a": 5}), "annotations", id="annotation a number"),
        pytest.param(raw(IMAGE, annotations={"a": None}), "annotations", id="annotation null"),
        pytest.param(raw(IMAGE, annotations={"a": {}}), "annotations", id="annotation a map"),
        pytest.param(raw(IMAGE, annotations=["a"]), "annotations", id="annotations a list"),
        pytest.param(raw(IMAGE, annotations={"a": "\ud800"}), "surrogate", id="lone surrogate"),
        pytest.param(raw(IMAGE, annotations={"\udfff": ""}), "surrogate", id="in a key"),
        pytest.param(raw(IMAGE, x=[{"y": "\ud800x"}]), "surrogate", id="in an unknown field"),
        pytest.param(raw(IMAGE, annotations={"a" * 10**5: 5}), "annotations", id="long key"),
        pytest.param(raw(IMAGE, subject={}), "subject", id="subject empty"),
        pytest.param(raw(IMAGE, subject="sha256:x"), "subject", id="subject a text"),
        pytest.param(raw(IMAGE, artifactType=5), "artifactType", id="artifactType a number"),
        pytest.param(raw(INDEX, manifests=[{**CHILD, "platform": 5}]), "platform", id="platform"),
        pytest.param(
            raw(INDEX, manifests=[{**CHILD, "platform": {"os": 5}}]), "platform.os", id="os"
        ),
    ],
)
def test_refuses_fields_of_another_kind(content, place):
    """What is not of the kind that the spec says is refused, and the reason names the place."""
    assert place in refused(content)


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False)
        | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
        max_leaves=8,
    ),
    st.sampled_from(
        ["config", "layers", "subject", "annotations", "schemaVersion", "x", "manifests"]
    ),
    st.sampled_from([OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST]),
)
def test_any_json_is_a_manifest_or_an_error(value, key, media_type):
    """Parsing ends by a manifest that kept its bytes, or by our error."""
    document = INDEX if media_type in {OCI_INDEX, DOCKER_LIST} else IMAGE
    content = raw(document, mediaType=media_type, **{key: value})
    try:
        assert Manifest.parse(content, media_type).raw == content
    except ManifestInvalidError as error:
        assert len(str(error)) < 1000  # noqa: PT017 - some are sound, some are not
        str(error).encode()


# --- what is stored already ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "media_type", "understood"),
    [
        pytest.param(raw(IMAGE), OCI_MANIFEST, True, id="OCI image"),
        pytest.param(image(docker=True).manifest, DOCKER_MANIFEST, True, id="Docker image"),
        pytest.param(raw(INDEX), OCI_INDEX, True, id="OCI index"),
        pytest.param(raw(without(IMAGE, "mediaType")), OCI_MANIFEST, True, id="image, no word"),
        pytest.param(raw(without(INDEX, "mediaType")), OCI_INDEX, True, id="index, no word"),
        pytest.param(b'{"schemaVersion": 1}', DOCKER_SCHEMA1, False, id="schema 1"),
        pytest.param(
            b'{"schemaVersion": 1, "signatures": []}', DOCKER_SCHEMA1_SIGNED, False, id="signed"
        ),
        pytest.param(raw(IMAGE, manifests=[]), OCI_MANIFEST, False, id="ambiguous"),
        pytest.param(raw(IMAGE, mediaType="a/b"), "a/b", False, id="of another type"),
        pytest.param(raw(IMAGE, mediaType="a/b\r\nX: y"), OCI_MANIFEST, False, id="CRLF"),
        pytest.param(raw(IMAGE, mediaType=5), OCI_MANIFEST, False, id="type a number"),
        pytest.param(b"\xef\xbb\xbf" + raw(IMAGE), OCI_MANIFEST, False, id="BOM"),
        pytest.param(b"{}", OCI_MANIFEST, False, id="empty object"),
        pytest.param(b"", OCTET_STREAM, False, id="empty"),
        pytest.param(b"[]", OCTET_STREAM, False, id="a list"),
        pytest.param(b"null", OCTET_STREAM, False, id="null"),
        pytest.param(b"\x00\xff garbage", OCTET_STREAM, False, id="garbage"),
        pytest.param(b"[" * 10**5, OCTET_STREAM, False, id="bomb"),
        pytest.param(b'{"x":' * 10**5, OCTET_STREAM, False, id="bomb of objects"),
    ],
)
def test_stored_bytes_are_described_whatever_they_are(content, media_type, understood):
    """Whoever wrote them, stored bytes are served; their type can always stand in a header."""
    digest = Digest.of(content)
    manifest = Manifest.stored(content, digest)
    assert (manifest.raw, manifest.digest) == (content, digest)
    assert manifest.media_type == media_type
    assert (manifest.content is not None) == understood


def test_what_is_not_understood_refers_to_nothing():
    """Questions about bytes of no kind have empty answers."""
    manifest = Manifest.stored(b"garbage", Digest.of(b"garbage"))
    assert manifest.references() == ()
    assert manifest.subject is None
    assert manifest.artifact_type is None
    assert manifest.annotations == {}
    assert not manifest.is_index
    assert manifest.descriptor() == {
        "mediaType": OCTET_STREAM,
        "digest": str(Digest.of(b"garbage")),
        "size": 7,
    }


@given(st.binary(max_size=60))
def test_any_bytes_can_be_stored(content):
    """No bytes at all make a description fail."""
    assert Manifest.stored(content, Digest.of(content)).raw == content


# --- how a referrers list names it ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        pytest.param({**IMAGE, "artifactType": "a/b"}, "a/b", id="its own"),
        pytest.param(IMAGE, OCI_CONFIG, id="its config's"),
        pytest.param({**IMAGE, "artifactType": ""}, OCI_CONFIG, id="empty is none"),
        pytest.param({**IMAGE, "artifactType": None}, OCI_CONFIG, id="null is none"),
        pytest.param({**INDEX, "artifactType": "a/b"}, "a/b", id="an index's own"),
        pytest.param(INDEX, None, id="an index has no config"),
        pytest.param({**INDEX, "artifactType": ""}, None, id="empty of an index"),
    ],
)
def test_artifact_type(document, expected):
    """The type is the manifest's own, else an image's config's ("Listing Referrers")."""
    manifest = Manifest.parse(raw(document))
    assert manifest.artifact_type == expected
    assert manifest.descriptor().get("artifactType") == expected


def test_descriptor():
    """A descriptor names type, digest, size, artifact type and annotations."""
    content = raw(IMAGE, annotations={"a": "b"}, subject=CHILD, artifactType="x/y")
    manifest = Manifest.parse(content)
    assert manifest.descriptor() == {
        "mediaType": OCI_MANIFEST,
        "digest": str(Digest.of(content)),
        "size": len(content),
        "artifactType": "x/y",
        "annotations": {"a": "b"},
    }
    assert str(manifest.subject.digest) == CHILD["digest"]


def test_descriptor_leaves_out_what_is_empty():
    """Without annotations or a type there is no such key."""
    assert set(Manifest.parse(raw(INDEX, annotations={})).descriptor()) == {
        *["mediaType", "digest", "size"]
    }
