"""A plain HTTP client for the tests' own requests; follows nothing and hides nothing."""

from typing import Any
from urllib.parse import urlencode, urljoin

import urllib3

from distribution import Digest
from tests.support.images import Image


class Client:
    """Requests to one registry."""

    def __init__(self, url: str, connections: int = 20) -> None:
        self.url = url
        self.pool = urllib3.PoolManager(num_pools=4, maxsize=connections, retries=False)

    def request(
        self, method: str, path: str, *, query: Any = None, body: Any = None, **headers: str
    ) -> urllib3.BaseHTTPResponse:
        """Send a request; a header's underscores are hyphens. An iterable body goes chunked."""
        url = urljoin(self.url, path)
        if query:
            url += ("&" if "?" in url else "?") + urlencode(query)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        chunked = body is not None and not isinstance(body, bytes)
        return self.pool.request(
            method, url, body=body, headers=named, redirect=False, chunked=chunked, timeout=120
        )

    def start(self, name: str, **query: str) -> str:
        """Begin an upload; return its address."""
        response = self.request("POST", f"/v2/{name}/blobs/uploads/", query=query)
        assert response.status == 202, (response.status, response.data)
        return response.headers["Location"]

    def push_blob(self, name: str, content: bytes, algorithm: str = "sha256") -> Digest:
        """Push a blob by POST and PUT."""
        digest = Digest.of(content, algorithm)
        response = self.request(
            "PUT", self.start(name), query={"digest": str(digest)}, body=content
        )
        assert response.status == 201, (response.status, response.data)
        return digest

    def push_manifest(self, name: str, reference: str, image: Image) -> urllib3.BaseHTTPResponse:
        return self.request(
            "PUT",
            f"/v2/{name}/manifests/{reference}",
            body=image.manifest,
            Content_Type=image.media_type,
        )

    def push(self, name: str, reference: str, image: Image) -> None:
        """Push an image with its blobs."""
        for content in image.blobs:
            self.push_blob(name, content, image.algorithm)
        response = self.push_manifest(name, reference, image)
        assert response.status == 201, (response.status, response.data)
