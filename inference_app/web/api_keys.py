"""Who may ask for predictions, where the one who runs the server wants to choose."""

import hashlib
import hmac
from pathlib import Path

from flask import Request

from inference_app.errors import SettingError, Unauthorized

SHORTEST = 16  # characters: what is shorter can be tried out


class ApiKeys:
    """The keys out of a file, a line each; empty lines and lines with # do not count.

    Digests are kept and compared, in constant time, and always all of them: how long a refusal
    takes tells nothing, not even a key's length.
    """

    def __init__(self, file: Path | None) -> None:
        """Raise SettingError if the file cannot be read, holds no key or too short a one."""
        self._digests = None if file is None else [_digest(key) for key in _read(file)]

    def check(self, request: Request) -> None:
        """Raise Unauthorized unless the request carries a key, or none is needed.

        Taken are ``Authorization: Bearer KEY`` (RFC 6750) and ``X-API-Key: KEY``.
        """
        if self._digests is None:
            return
        bearer = request.authorization.token if request.authorization else None
        sent = _digest(bearer or request.headers.get("X-API-Key", ""))
        if sum(hmac.compare_digest(sent, digest) for digest in self._digests) == 0:
            raise Unauthorized


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


def _read(file: Path) -> list[str]:
    try:
        lines = [line.strip() for line in file.read_text("utf-8").splitlines()]
    except (OSError, ValueError) as error:
        raise SettingError(f"API_KEYS_FILE: {file} cannot be read: {error}") from error
    keys = [line for line in lines if line and not line.startswith("#")]
    if not keys or min(map(len, keys)) < SHORTEST:
        raise SettingError(f"API_KEYS_FILE: {file} must hold keys of {SHORTEST} characters or more")
    return keys
