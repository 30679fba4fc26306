"""The application without a server, under the checks of `wsgiref.validate`."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

from falcon import testing
from falcon.util import CaseInsensitiveDict

from distribution.registry.app import RegistryApp, create_app
from distribution.registry.site import Limits, Site
from distribution.registry.state import StateTokens
from distribution.registry.urls import Urls
from distribution.storage import StoredNamespace
from distribution.storage.drivers.memory import MemoryDriver
from tests.support.client import Client

ORIGIN = "http://registry.test"


def site(**parts: Any) -> Site:
    """Return a site in memory; *parts* replace its own."""
    made: dict[str, Any] = {
        "namespace": StoredNamespace(MemoryDriver()),
        "urls": Urls(),
        "tokens": StateTokens(b"secret"),
        "limits": Limits(),
    }
    return Site(**{**made, **parts})


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: CaseInsensitiveDict
    data: bytes


class Local(Client):
    """Requests to an application in this process."""

    def __init__(self, app: RegistryApp | None = None) -> None:
        self.app = app or create_app(site())
        self.url = ORIGIN

    def request(  # type: ignore[override]
        self,
        method: str,
        path: str,
        *,
        query: Any = None,
        body: Any = None,
        extras: dict[str, Any] | None = None,
        file_wrapper: Any = None,
        **headers: str,
    ) -> Answer:
        url = urlsplit(urljoin(self.url, path))
        pairs = parse_qsl(url.query, keep_blank_values=True)
        pairs += list(query.items() if isinstance(query, dict) else query or [])
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        result = testing.simulate_request(
            self._typed,
            method,
            url.path,
            query_string=urlencode(pairs),
            headers={"Host": "registry.test", **named},
            body=body,
            extras=extras,
            file_wrapper=file_wrapper,
        )
        return Answer(result.status_code, result.headers, result.content)

    def _typed(self, environ: Any, start_response: Any) -> Any:
        """Give answers without a body a type: the validator wants one, PEP 3333 and HTTP do not."""

        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            named = {name.lower(): value for name, value in headers}
            if "content-type" not in named and named.get("content-length") == "0":
                headers = [*headers, ("Content-Type", "text/plain")]
            return start_response(status, headers, *more)

        return self.app(environ, start)
