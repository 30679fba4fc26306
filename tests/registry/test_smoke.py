"""The shortest way through: push an image over real gunicorn, and pull it."""

from tests.support.images import image


def test_what_was_pushed_is_pulled(client, name):
    """Every byte of an image comes back as it went in."""
    pushed = image()
    client.push(name, "v1", pushed)
    got = client.request("GET", f"/v2/{name}/manifests/v1")
    assert (got.status, got.data) == (200, pushed.manifest)
    assert got.headers["Content-Type"] == pushed.media_type
