"""Pages: ``n``, ``last`` and ``Link``, on each list that has them (CVE-2023-2253)."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest

from distribution import Digest
from distribution.registry.app import create_app
from distribution.registry.site import Limits
from tests.support.images import image, noise
from tests.support.local import Local, site
from tests.support.server import errors

NAMES = ["a", "a/b", "a/b/c", "a-b", "a-b/c", "a.b", "a0", "a_b", "ab", "b/c/d", "b0/x"]
SUBJECT = image(noise(50, seed=4))
LISTS = ["/v2/_catalog", "/v2/a/tags/list", f"/v2/a/referrers/{SUBJECT.digest}"]


def push_all(local: Local, names: list[str]) -> None:
    made = image()
    for name in names:
        local.push(name, "v1", made)


@pytest.fixture
def filled(local: Local) -> Local:
    push_all(local, NAMES)
    for tag in ("v2", "v3"):
        local.push("a", tag, image(subject=SUBJECT.descriptor()))
    return local


def follow(client, path: str, key: str) -> list[list[str]]:
    """Return the list under *key* on this page and on all that its links lead to."""
    pages = []
    while path:
        assert len(pages) < 50, "the links lead in a circle"
        got = client.request("GET", path)
        assert got.status == 200
        pages.append(json.loads(got.data)[key])
        link = got.headers.get("Link", "")
        path = link.partition(">")[0].removeprefix("<")
        assert not link or (path.startswith("/v2/") and link.endswith('>; rel="next"'))
    return pages


class TestNumber:
    @pytest.mark.parametrize("path", LISTS)
    @pytest.mark.parametrize(
        "number",
        [
            "-1",
            "1.5",
            "1e3",
            "x",
            "+1",
            "0x10",
            "1_0",
            "\u0661",
            "\u00b2",
            " 1",
            "1 ",
            "1\x00",
            "9" * 19,
            "9" * 4000,
            "NaN",
            "true",
        ],
    )
    def test_that_is_none_is_refused(self, filled, path, number):
        """What is no whole number of a sane length is 400."""
        got = filled.request("GET", path, query={"n": number})
        assert (got.status, errors(got)) == (400, ["PAGINATION_NUMBER_INVALID"])

    @pytest.mark.parametrize("path", LISTS)
    def test_that_is_empty_means_the_default(self, filled, path):
        """``n=`` is as no n."""
        plain = filled.request("GET", path)
        assert filled.request("GET", path, query={"n": ""}).data == plain.data

    @pytest.mark.parametrize("number", ["1001", "999999999999999999"])
    def test_over_the_catalog_limit_is_refused(self, filled, number):
        """A page larger than ``catalog.maxentries`` is 400, as in Distribution."""
        got = filled.request("GET", "/v2/_catalog", query={"n": number})
        assert (got.status, errors(got)) == (400, ["PAGINATION_NUMBER_INVALID"])

    @pytest.mark.parametrize("path", LISTS[1:])
    def test_over_other_limits_is_cut(self, filled, path):
        """Tags and referrers answer the largest page instead."""
        plain = filled.request("GET", path)
        got = filled.request("GET", path, query={"n": "999999999999999999"})
        assert (got.status, got.data) == (200, plain.data)

    @pytest.mark.parametrize(("path", "key"), [(LISTS[0], "repositories"), (LISTS[1], "tags")])
    def test_zero_is_an_empty_page(self, filled, path, key):
        """``n=0`` is nothing, without a link."""
        got = filled.request("GET", path, query={"n": "0"})
        assert (got.status, json.loads(got.data)[key]) == (200, [])
        assert "Link" not in got.headers

    def test_zero_does_not_hide_that_a_repository_is_unknown(self, local):
        """Tags of a repository that is not there are 404 whatever n is."""
        assert local.request("GET", "/v2/repo/tags/list?n=0").status == 404


class TestCatalog:
    def test_is_in_component_order(self, filled):
        """Names compare component by component: ``a/b`` before ``a-b``."""
        expected = sorted(NAMES, key=lambda name: name.split("/"))
        got = filled.request("GET", "/v2/_catalog")
        assert json.loads(got.data) == {"repositories": expected}
        assert expected != sorted(NAMES)

    @pytest.mark.parametrize("count", [1, 2, 3, len(NAMES) - 1, len(NAMES), 100])
    def test_is_paged(self, filled, count):
        """Links lead through every name once, in order."""
        pages = follow(filled, f"/v2/_catalog?n={count}", "repositories")
        assert [len(page) for page in pages[:-1]] == [count] * (len(pages) - 1)
        assert [each for page in pages for each in page] == sorted(
            NAMES, key=lambda name: name.split("/")
        )

    @pytest.mark.parametrize(
        "last", ["a", "a/b", "a/a", "a/zz", "aa", "a-b/zz", "b", "b/c/d", "zz", "A", "..", "a//b"]
    )
    def test_goes_on_behind_last(self, filled, last):
        """``last`` need not exist; what sorts beyond it follows."""
        got = filled.request("GET", "/v2/_catalog", query={"last": last})
        expected = sorted(
            (name for name in NAMES if name.split("/") > last.split("/")),
            key=lambda name: name.split("/"),
        )
        assert json.loads(got.data)["repositories"] == expected

    def test_link_is_relative_with_sorted_keys(self, filled):
        """The link is a path; its keys are in alphabetical order."""
        got = filled.request("GET", "/v2/_catalog?n=2")
        assert got.headers["Link"] == '</v2/_catalog?last=a%2Fb&n=2>; rel="next"'

    def test_has_a_default_page(self):
        """Without n a page is no larger than the operator allows."""
        local = Local(create_app(site(limits=Limits(catalog_entries=3))))
        push_all(local, NAMES)
        pages = follow(local, "/v2/_catalog", "repositories")
        assert [len(page) for page in pages] == [3, 3, 3, 2]

    def test_of_an_empty_registry_is_empty(self, local):
        """Nothing pushed, nothing listed."""
        got = local.request("GET", "/v2/_catalog")
        assert (got.status, json.loads(got.data)) == (200, {"repositories": []})

    def test_ends_with_a_newline(self, filled):
        """Lists end with a newline, as Distribution's do."""
        assert filled.request("GET", "/v2/_catalog").data.endswith(b"\n")

    def test_over_a_real_server(self, client, name):
        """Names pushed through one worker are listed by all, in pages."""
        made = image()
        names = [f"{name}/{end}" for end in ("a", "a/b", "a-b", "ab")]
        for each in names:
            client.push(each, "v1", made)
        first = client.request("GET", f"/v2/_catalog?n=2&last={name}")  # sorts before its children
        following = first.headers["Link"].partition(">")[0].removeprefix("<")
        second = client.request("GET", following)
        found = [json.loads(page.data)["repositories"] for page in (first, second)]
        assert found == [names[:2], names[2:]]


class TestTags:
    def test_page_has_the_limit_of_the_site(self):
        """A page of tags is cut to ``tags.maxtags``, and goes on."""
        local = Local(create_app(site(limits=Limits(tags=2))))
        made = image()
        for tag in "edcba":
            local.push("repo", tag, made)
        pages = follow(local, "/v2/repo/tags/list?n=100", "tags")
        assert pages == [["a", "b"], ["c", "d"], ["e"]]

    def test_link_holds_what_was_asked(self, filled):
        """The link goes on with the same n behind the last tag."""
        got = filled.request("GET", "/v2/a/tags/list?n=1")
        query = parse_qs(urlsplit(got.headers["Link"].partition(">")[0][1:]).query)
        assert query == {"last": ["v1"], "n": ["1"]}


class TestReferrers:
    @pytest.mark.parametrize("count", ["0", "1"])
    def test_page_holds_at_least_one(self, filled, count):
        """Zero referrers in a page would lead nowhere: a page holds one at least."""
        pages = follow(filled, f"/v2/a/referrers/{SUBJECT.digest}?n={count}", "manifests")
        assert [len(page) for page in pages] == [1, 1]

    def test_page_has_the_limit_of_the_site(self):
        """A page is cut to the site's limit, and goes on."""
        local = Local(create_app(site(limits=Limits(referrers=2))))
        made = [image(subject=SUBJECT.descriptor()) for _ in range(5)]
        for each in made:
            local.push("repo", str(Digest.of(each.manifest)), each)
        pages = follow(local, f"/v2/repo/referrers/{SUBJECT.digest}", "manifests")
        assert [len(page) for page in pages] == [2, 2, 1]
        found = {each["digest"] for page in pages for each in page}
        assert found == {str(each.digest) for each in made}

    def test_filter_of_no_type_is_no_filter(self, filled):
        """An empty ``artifactType`` filters nothing and does not claim to."""
        got = filled.request("GET", f"/v2/a/referrers/{SUBJECT.digest}?artifactType=")
        assert len(json.loads(got.data)["manifests"]) == 2
        assert "OCI-Filters-Applied" not in got.headers
