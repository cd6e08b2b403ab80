"""A closed load: each client sends a request when it has the response to the one before."""

import http.client
import time
from collections import Counter
from collections.abc import Iterable
from urllib.parse import urlsplit

Post = tuple[bytes, str]  # a request's body and its Content-Type
NO_RESPONSE = "no response"  # in place of a status
_TIMEOUT = 30  # seconds


def post_until(
    end: float, url: str, source: str, posts: Iterable[Post], pause: float
) -> Counter[str]:
    """Post one after the other until `end`, of time.monotonic(); return the statuses until then.

    The client connects from the address `source`. After each status but 200 it pauses for so many
    seconds.
    """
    statuses: Counter[str] = Counter()
    connection = connect(url, source)
    for post in posts:
        status = _status(connection, urlsplit(url).path, post)
        if time.monotonic() > end:
            break
        statuses[status] += 1
        if status != "200":
            time.sleep(min(pause, max(0.0, end - time.monotonic())))
    connection.close()
    return statuses


def slowest_get(end: float, url: str, source: str, pause: float) -> float:
    """Get `url` again and again until `end`; return the longest time in ms, of any status."""
    slowest, connection = 0.0, connect(url, source)
    while (start := time.monotonic()) < end:
        _status(connection, urlsplit(url).path)
        slowest = max(slowest, time.monotonic() - start)
        time.sleep(pause)
    connection.close()
    return round(slowest * 1000, 1)


def connect(url: str, source: str) -> http.client.HTTPConnection:
    """Return a connection to the URL's server that is opened as soon as it is used."""
    address = urlsplit(url).netloc
    return http.client.HTTPConnection(address, timeout=_TIMEOUT, source_address=(source, 0))


def _status(connection: http.client.HTTPConnection, path: str, post: Post | None = None) -> str:
    try:
        if post:
            connection.request("POST", path, post[0], {"Content-Type": post[1]})
        else:
            connection.request("GET", path)
        response = connection.getresponse()
        response.read()
    except (OSError, http.client.HTTPException):
        connection.close()  # the next request opens it again
        return NO_RESPONSE
    return str(response.status)
