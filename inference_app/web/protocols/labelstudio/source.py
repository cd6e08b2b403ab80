"""Label Studio itself, which has the pictures that its tasks name.

Only the host and port in LABEL_STUDIO_URL are ever connected to, without proxies or redirects: a
task decides about the path alone. `http.client` works so by itself; libraries that do more would
have to be told not to.
"""

import json
import socket
import threading
import time
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import quote, urljoin, urlsplit

from inference_app.config import Settings
from inference_app.errors import BadRequest, TooLarge

WHY = "Label Studio did not send the picture:"
KINDS = {"http": HTTPConnection, "https": HTTPSConnection}


class Source:
    """Fetches the pictures of one request: MAX_UPLOAD_MB of them, in half of the DEADLINE."""

    def __init__(self, settings: Settings) -> None:
        self._url, self._key_file = settings.label_studio_url, settings.label_studio_api_key_file
        self._until = time.monotonic() + settings.deadline / 2
        self._bytes_left = settings.max_upload_mb * 1024 * 1024
        self._headers: dict[str, str] | None = None

    def fetch(self, url: str) -> bytes:
        """Return a picture; raises BadRequest, or TooLarge if it is beyond what is left."""
        path = self._path(url)
        if self._headers is None:
            self._headers = self._authorization()
        picture = self._ask("GET", path, self._headers)
        self._bytes_left -= len(picture)
        return picture

    def _path(self, url: str) -> str:
        """Return the path and query of a URL at Label Studio; raises BadRequest for any other."""
        if not self._url:
            raise BadRequest("Pictures of tasks are fetched only where LABEL_STUDIO_URL is set.")
        try:
            whole = urljoin(self._url, url)
            elsewhere = _origin(whole) != _origin(self._url)
        except ValueError:
            elsewhere = True
        if elsewhere:
            raise BadRequest("A task's picture is not at LABEL_STUDIO_URL.")
        return quote(
            urlsplit(whole)._replace(scheme="", netloc="", fragment="").geturl(), safe=_SAFE
        )

    def _authorization(self) -> dict[str, str]:
        """Return the header with the token; a personal one is exchanged for one that ends soon.

        https://labelstud.io/guide/access_tokens
        """
        if self._key_file is None:
            return {}
        key = self._key_file.read_text("utf-8").strip()
        if key.count(".") != 2:
            return {"Authorization": f"Token {key}"}
        body, kind = json.dumps({"refresh": key}), {"Content-Type": "application/json"}
        answer = self._ask("POST", self._path("api/token/refresh/"), kind, body)
        try:
            return {"Authorization": f"Bearer {json.loads(answer)['access']}"}
        except (ValueError, LookupError, TypeError):
            raise BadRequest(f"{WHY} it gave no access for the token.") from None

    def _ask(self, method: str, path: str, headers: dict[str, str], body: str = "") -> bytes:
        try:
            status, content = self._exchange(method, path, headers, body)
        except (OSError, HTTPException, ValueError) as error:
            raise BadRequest(f"{WHY} {type(error).__name__}.") from None
        if status != 200:
            raise BadRequest(f"{WHY} it answered {status}.")
        if len(content) > self._bytes_left:
            raise TooLarge("The pictures of the tasks are larger than MAX_UPLOAD_MB in all.")
        return content

    def _exchange(
        self, method: str, path: str, headers: dict[str, str], body: str
    ) -> tuple[int, bytes]:
        server, seconds = urlsplit(str(self._url)), max(0.001, self._until - time.monotonic())
        with closing(
            KINDS[server.scheme](str(server.hostname), server.port, timeout=seconds)
        ) as it:
            it.connect()
            # The timeout begins anew with each byte that comes; this ends all of it.
            timer = threading.Timer(seconds, _cut, [it.sock])
            timer.start()
            try:
                it.request(method, path, body or None, headers)
                response = it.getresponse()
                return response.status, response.read(self._bytes_left + 1)
            finally:
                timer.cancel()


_SAFE = "/%?&=+:,;@!$'()*~"  # what quote shall leave, since it is quoted already or means something


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port


def _cut(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
