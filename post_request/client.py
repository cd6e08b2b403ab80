"""A client of an image-classification server.

    with Client("http://localhost:8080") as client:
        result = client.predict("photo.jpg", top_k=5)
    print(result.label, result.predictions)

This file can be copied: it needs `requests`, and no other file of this folder.

PredictError            type, message, status and request_id, from the server
└── ServerAwayError     there is no server at the address
"""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connectionpool import ConnectionPool
from urllib3.exceptions import NewConnectionError, ReadTimeoutError
from urllib3.response import BaseHTTPResponse
from urllib3.util import Retry

LONGEST_WAIT = 10  # seconds between two tries, at most, and for a connection


class PredictError(Exception):
    """There is no prediction; `status` is None if no response came, or not in time."""

    def __init__(
        self, type_: str, message: str, status: int | None = None, request_id: str | None = None
    ) -> None:
        super().__init__(type_, message, status, request_id)
        self.type, self.message = type_, message
        self.status, self.request_id = status, request_id

    def __str__(self) -> str:
        status = f"{self.status} " if self.status else ""
        request_id = f" (request_id {self.request_id})" if self.request_id else ""
        return f"{status}{self.message}{request_id}"

    @property
    def body(self) -> dict[str, Any]:
        """The failure in the server's JSON shape, even if it did not come from the server."""
        error = {"type": self.type, "message": self.message, "request_id": self.request_id}
        return {"success": False, "error": error}


class ServerAwayError(PredictError):
    """There is no server at the address."""


@dataclass(frozen=True)
class Prediction:
    """A class and the model's score for it, from 0 to 1."""

    class_id: str
    label: str
    score: float


@dataclass(frozen=True)
class Result:
    """The best label, the `top_k` predictions, and the response's JSON `body` as it came."""

    label: str
    predictions: tuple[Prediction, ...]
    model: str
    request_id: str
    body: dict[str, Any]

    @classmethod
    def read(cls, response: requests.Response) -> Self:
        """Read a response; raise PredictError if it is a failure or holds no prediction."""
        body = json_object(response)
        if response.status_code != 200 or body.get("success") is not True:
            raise refusal(response, body)
        try:
            label = str(json.loads(body["response"]["body"]))  # JSON in the JSON
            ranking = [
                Prediction(str(each["class_id"]), str(each["label"]), float(each["score"]))
                for each in body.get("predictions", ())
            ]
        except (KeyError, TypeError, ValueError):
            raise refusal(response, body) from None
        headers = response.headers
        return cls(
            label, tuple(ranking), headers.get("X-Model", ""), headers.get("X-Request-ID", ""), body
        )


class Client:
    """A client of one server, which threads may share; close it, or use `with`."""

    def __init__(
        self, url: str, *, api_key: str | None = None, timeout: float = 60.0, retries: int = 2
    ) -> None:
        """Take the server's address, with or without /predict; ValueError if it or the key is bad.

        `timeout` is how many seconds the server may be silent. `retries` is how often a request is
        sent again if the server is busy (429, 502, 503) or the connection fails; it waits as many
        seconds as Retry-After asks for, at most 10.
        """
        self.url = predict_url(url)
        self._auth = bearer(api_key) if api_key else None
        self._timeout = (min(timeout, LONGEST_WAIT), timeout)
        self._retries = RETRIES.new(total=retries)
        self._sessions: dict[int, requests.Session] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        for session in self._sessions.values():
            session.close()

    def predict(self, picture: str | PathLike[str] | bytes, top_k: int | None = 5) -> Result:
        """Classify a picture, given as path or bytes; with `top_k` None there are no predictions.

        Raises OSError if the file cannot be read, and PredictError if there is no prediction.
        """
        if isinstance(picture, bytes):
            return self._post("picture", picture, top_k)
        return self._post(Path(picture).name, Path(picture).read_bytes(), top_k)

    def _post(self, name: str, data: bytes, top_k: int | None) -> Result:
        try:
            response = self._session().post(
                self.url,
                params={"top_k": top_k},  # None is left out
                files={"image": (printable(name), data)},
                timeout=self._timeout,
            )
        except requests.RequestException as error:
            if is_away(error):
                raise ServerAwayError("server_away", f"no server at {self.url}") from error
            raise PredictError("no_response", f"no response from the server: {error}") from error
        return Result.read(response)

    def _session(self) -> requests.Session:
        """Return this thread's own session: requests does not promise that one can be shared."""
        thread = threading.get_ident()
        if thread not in self._sessions:
            self._sessions[thread] = session = requests.Session()
            session.auth = self._auth
            session.mount("http://", HTTPAdapter(max_retries=self._retries))
            session.mount("https://", HTTPAdapter(max_retries=self._retries))
        return self._sessions[thread]


def bearer(key: str) -> Callable[[requests.PreparedRequest], requests.PreparedRequest]:
    """Return what adds an API key to a request (RFC 6750); ValueError if no header can hold it.

    A password in ~/.netrc would replace a header of the session.
    """
    if not (key.isascii() and key.isprintable()):
        raise ValueError("an API key holds only ASCII characters, and no line end")

    def authorize(request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {key}"
        return request

    return authorize


class Retries(Retry):
    """Which failures are worth a retry."""

    # Without 413, which urllib3 would repeat when it has a Retry-After.
    RETRY_AFTER_STATUS_CODES = frozenset({429, 502, 503})

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: BaseHTTPResponse | None = None,
        error: Exception | None = None,
        _pool: ConnectionPool | None = None,
        _stacktrace: TracebackType | None = None,
    ) -> Self:
        """Count a failure; raise a timeout instead: there is no time left for a retry."""
        if isinstance(error, ReadTimeoutError):
            raise error
        return super().increment(method, url, response, error, _pool, _stacktrace)


# A prediction changes nothing, so every request may be retried.
RETRIES = Retries(
    other=0,  # a certificate does not become right
    allowed_methods={"POST"},
    status_forcelist=Retries.RETRY_AFTER_STATUS_CODES,
    backoff_factor=0.5,
    backoff_max=LONGEST_WAIT,
    retry_after_max=LONGEST_WAIT,
    raise_on_status=False,
)


def predict_url(text: str) -> str:
    """Return the address of a server's /predict; raise ValueError if it is not an address."""
    url = text if "://" in text else f"http://{text}"
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
        raise ValueError(f"not the address of a server: {text}")
    return url.rstrip("/").removesuffix("/predict").rstrip("/") + "/predict"


def is_away(error: requests.RequestException) -> bool:
    """Return whether the server could not be reached, as opposed to one that broke off."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(error, requests.ConnectTimeout) or isinstance(reason, NewConnectionError)


def json_object(response: requests.Response) -> dict[str, Any]:
    """Return a response's JSON object; raise PredictError if it has none, as of a proxy."""
    try:
        body = response.json()
    except ValueError:
        body = None
    if isinstance(body, dict):
        return body
    start = " ".join(response.text.split())[:200]
    message = f"{response.reason}: the response is not a JSON object: {start}"
    raise PredictError(
        "not_json", message, response.status_code, response.headers.get("X-Request-ID")
    )


def refusal(response: requests.Response, body: dict[str, Any]) -> PredictError:
    """Return the error of a response without a prediction, or say what is odd about it."""
    error = body.get("error")
    if not isinstance(error, dict):
        text = error or f"unexpected response: {json.dumps(body)[:200]}"
        error = {"type": "unexpected_response", "message": text}
    return PredictError(
        str(error.get("type")),
        str(error.get("message")),
        response.status_code,
        error.get("request_id") or response.headers.get("X-Request-ID"),
    )


def printable(text: str) -> str:
    r"""Escape what a terminal might obey, as JSON does (\u001b), so that JSON stays the same."""
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)
