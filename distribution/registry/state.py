"""The ``_state`` of an upload's address: where the session stood, signed.

The form is Docker Distribution's, so that either goes on with a session of the other that shares
its ``http.secret``: base64url of an HMAC-SHA256 and the JSON payload that it covers.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import TYPE_CHECKING

from distribution.errors import UploadStateError

if TYPE_CHECKING:
    from distribution.interfaces import UploadStatus

_MAC_BYTES = hashlib.sha256().digest_size


class StateTokens:
    """Signs and checks states. All processes of a registry must share the secret."""

    def __init__(self, secret: bytes) -> None:
        """Sign with *secret*."""
        self._secret = secret

    def issue(self, name: str, status: UploadStatus) -> str:
        """Return the token for a session that stands where *status* says."""
        started = status.started_at.isoformat().replace("+00:00", "Z")
        payload = json.dumps(
            {"Name": name, "UUID": status.id, "Offset": status.offset, "StartedAt": started},
            separators=(",", ":"),
        ).encode()
        return base64.urlsafe_b64encode(self._mac(payload) + payload).decode()

    def offset(self, token: str, name: str, upload: str) -> int:
        """Return the offset in a token.

        Raises:
            UploadStateError: it is forged, or of another repository or session.
        """
        try:
            signed = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True)
        except ValueError as error:
            raise UploadStateError from error
        mac, payload = signed[:_MAC_BYTES], signed[_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(payload)):
            raise UploadStateError
        state = json.loads(payload)
        if (state["Name"], state["UUID"]) != (name, upload):
            raise UploadStateError
        return int(state["Offset"])

    def _mac(self, payload: bytes) -> bytes:
        return hmac.digest(self._secret, payload, "sha256")
