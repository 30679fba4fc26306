"""The least that a Falcon app can do: what gunicorn and Falcon cost by themselves."""

import falcon


class Ping:
    """Answers with an empty object."""

    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        """Answer."""
        resp.data = b"{}"

    on_head = on_get


app = falcon.App()
app.add_route("/v2/", Ping())
