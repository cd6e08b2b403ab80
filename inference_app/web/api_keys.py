"""API keys: which clients may ask for predictions, on servers that have keys."""

import hashlib
import hmac
from pathlib import Path

from flask import Request

from inference_app.errors import SettingError, Unauthorized

MIN_LENGTH = 16  # characters: shorter keys can be guessed


class ApiKeys:
    """The keys in a file, a line each; empty lines and lines that start with # do not count.

    Digests are kept and compared, in constant time, and always all of them: how long a refusal
    takes tells nothing, not even a key's length.
    """

    def __init__(self, file: Path | None) -> None:
        """Raise SettingError if the file cannot be read, or holds no key or a bad one."""
        self._digests = None if file is None else [_digest(key) for key in _read(file)]

    def check(self, request: Request) -> None:
        """Raise Unauthorized unless the request carries a key, or none is needed.

        Taken are ``Authorization: Bearer KEY`` (RFC 6750), ``X-API-Key: KEY``, and the password of
        ``Authorization: Basic`` (RFC 7617), which is all that Label Studio can send.
        """
        if self._digests is None:
            return
        key = _sent(request)
        if not key:
            raise Unauthorized("The request has no API key.")
        sent = _digest(key)
        if sum(hmac.compare_digest(sent, digest) for digest in self._digests) == 0:
            raise Unauthorized("The request's API key is not a key of this server.")


def _sent(request: Request) -> str:
    # Not with Werkzeug's `authorization`, which takes a key with "=" inside for parameters.
    scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
    key = (scheme.lower() == "bearer" and bearer.strip()) or request.headers.get("X-API-Key")
    return key or (request.authorization and request.authorization.password) or ""


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


def _read(file: Path) -> list[str]:
    try:
        lines = file.read_text("utf-8-sig").split("\n")  # Windows' editors add a byte order mark
    except (OSError, ValueError) as error:
        raise SettingError(f"API_KEYS_FILE: {file} cannot be read: {error}") from error
    keys = {number: line.strip() for number, line in enumerate(lines, 1)}
    keys = {number: key for number, key in keys.items() if key and not key.startswith("#")}
    for number, key in keys.items():
        if len(key) < MIN_LENGTH or not (key.isascii() and key.isprintable()):
            raise SettingError(
                f"API_KEYS_FILE: {file}, line {number}: a key must have {MIN_LENGTH} characters or "
                "more, of ASCII alone"
            )
    if not keys:
        raise SettingError(f"API_KEYS_FILE: {file} holds no key")
    return list(keys.values())
