"""Request lines and headers that may be read in several ways."""

from collections.abc import Iterator

from tests.smuggling.case import (
    ANSWERED,
    BODY,
    HIDDEN_IN_CHUNK,
    LENIENT,
    SMUGGLED,
    Case,
    ask,
    length,
    post,
)


def line_ends() -> Iterator[Case]:
    """Line ends and folded lines."""
    plain = ask()
    yield Case("line feeds alone", plain.replace(b"\r\n", b"\n"), LENIENT)
    yield Case("returns alone", plain.replace(b"\r\n", b"\r") + b"\r\n\r\n")
    yield Case("two returns", plain.replace(b"\r\n", b"\r\r\n"))
    yield Case("empty lines before it", b"\r\n\r\n" + plain, LENIENT)
    yield Case("a space before it", b" " + plain)
    for header in (
        b"X: a\r\n b", b"X: a\r\n\tb", b"X: a\rb", b"X: a\nb", b"X: a\n b", b"X: a\r\r", b" X: a",
        b"X", b": a", b"X: a\r\n\x0bb", b"X: a\nContent-Length: 5", b"X: a\rContent-Length: 5",
    ):  # fmt: skip
        yield Case(f"header {header!r}", ask(b"GET /livez HTTP/1.1", header), LENIENT, ends=False)
    body = b"aaaaa"
    yield Case("an empty line after the body", post(length(body), body=body) + b"\r\n", BODY)


def versions() -> Iterator[Case]:
    """Request lines of other versions, or of none."""
    fine = frozenset({200, 400, 505})
    for version in (
        b"HTTP/0.9", b"HTTP/1.2", b"HTTP/1.9", b"HTTP/1.10", b"HTTP/1.", b"HTTP/.1", b"HTTP/1",
        b"HTTP/", b"HTTP", b"HTTP/01.1", b"HTTP/1.01", b"http/1.1", b"HTTP/1.1.1", b"HTTP/-1.1",
        b"HTTP/2.0", b"HTTP/3", b"HTTP/9.9", b"HTCPCP/1.0", b"HTTP/1.1\x00", b"HTTP/1.1 x",
        b"HTTP/1.1 ", b" HTTP/1.1", b"\tHTTP/1.1", b"HTTP/ 1.1", b"HTTP /1.1", b"XHTTP/1.1",
        b"HTTP/A.B", b"HTTP/1,1", b"ICY/1.0", b"HTTP/99999999999999999999.1",
    ):  # fmt: skip
        yield Case(f"version {version!r}", ask(b"GET /livez " + version), fine)
    yield Case("no version", b"GET /livez\r\n", fine)
    yield Case("HTTP/1.0 without a host", b"GET /livez HTTP/1.0\r\n\r\n", ANSWERED)
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    yield Case("HTTP/2's preface", preface + b"\0\0\0\x04\0\0\0\0\0", fine)
    yield Case("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(50) + b"\r\n\r\n")
    for line in (
        b"",
        b"GET",
        b"GET /livez HTTP/1.1 HTTP/1.1",
        b"/livez",
        b"GET  /livez  HTTP/1.1",
        b"GET\t/livez\tHTTP/1.1",
    ):
        yield Case(f"line {line!r}", line + b"\r\nHost: a\r\n\r\n", fine)


def methods() -> Iterator[Case]:
    """Methods that are rare, made up, or no words."""
    refused = frozenset({400, 405, 501})
    for method in (
        b"get", b"Get", b"TRACE", b"TRACK", b"DEBUG", b"PURGE", b"PROPFIND", b"PATCH", b"LOCK",
        b"QUERY", b"A", b"B" * 100, b"A" * 7000, b"_", b"GET_", b"G-T", b"GE(T", b"GE\x00T",
        b"GET\x00", b"G\xc3\x8bT", b"GET:", b"<GET>", b'"GET"', b"0", b"GET,POST",
    ):  # fmt: skip
        yield Case(f"method {method[:20]!r}", ask(method + b" /livez HTTP/1.1"), refused | {414})
    for target in (b"a:80", b"/livez", b"*", b"http://a/livez"):
        yield Case(f"CONNECT {target!r}", ask(b"CONNECT " + target + b" HTTP/1.1"), refused | {404})
    yield Case("OPTIONS *", ask(b"OPTIONS * HTTP/1.1"), frozenset({200, 400, 404}))
    override = b"X-HTTP-Method-Override: DELETE"
    yield Case("another method in a header", ask(b"GET /livez HTTP/1.1", override), ANSWERED)


def targets() -> Iterator[Case]:
    """Paths and addresses that may be read in several ways."""
    fine = frozenset({200, 308, 400, 404})
    for target in (
        b"/..;/livez", b"/%2e%2e/livez", b"/%2e%2e%2flivez", b"/..%2flivez", b"/../livez",
        b"/../../../etc/passwd", b"//livez", b"///livez//", b"/./livez", b"/a/../livez", b"/%00",
        b"/livez%00", b"/livez%00.png", b"/livez\x00", b"/livez%0d%0aX:%20y", b"/livez%20HTTP/1.1",
        b"/livez#a", b"/livez;a=b", b"/livez\\..", b"\\livez", b"livez", b"*", b"/%", b"/%zz",
        b"/%u002e", b"/%c0%af", b"/%c0%ae%c0%ae/", b"/\xff", b"/\xe2\x80\xae", b"http://",
        b"http:///livez", b"http://a@b/livez", b"https://a/livez", b"ftp://a/livez",
        b"HTTP://A/livez", b"http://evil.example/livez", b"http://a:99999/livez", b"http://a",
        b"http://a?x", b"//evil.example/..", b"/livez?\x01", b"/livez?\x00", b"/livez?%00",
        b"/livez?a=\xff", b"/" + b"../" * 50, b"/%252e%252e/", b"/..%5c..%5c", b"/_error",
        b"/%5ferror", b"/livez/..%2f_error", b"@retry", b"/@retry", b"?", b"/?",
        b"/livez/", b"/LIVEZ", b"/livez.", b"/livez%20", b"/livez ", b"/a b", b"/~root",
        b"/docs/..%2fwsgi.py", b"/docs/%2e%2e/wsgi.py", b"/docs//etc/passwd", b"/.env",
        b"/.git/HEAD", b"/server-status", b"/nginx_status", b"/<script>", b"/{}", b"/$(id)",
        b"/predict/../livez", b"/" + b"%2e" * 1000, b"/;/livez", b"/livez?x=GET /smuggled HTTP/1.1",
    ):  # fmt: skip
        yield Case(f"target {target[:30]!r}", ask(b"GET " + target + b" HTTP/1.1"), fine)


def names() -> Iterator[Case]:
    """Header names with what no name may hold."""
    for name in (
        b"X\x00", b"X\x01", b"X\x7f", b"X\x80", b"X\xff", b"X Y", b"X\tY", b"X(", b"X)", b"X/",
        b"X[", b"X{", b"X@", b"X,", b"X;", b"X=", b'"X"', b"<X>", b"X\x0b", b"X_Y", b"_", b"-",
        b"0", b"!#$%&'*+.^`|~", b"X\xc3\xa9", b"X:Y", b"__proto__", b"wsgi.input", b"HTTP_HOST",
    ):  # fmt: skip
        yield Case(f"name {name!r}", ask(b"GET /livez HTTP/1.1", name + b": a"), LENIENT)


def values() -> Iterator[Case]:
    """Header values with control bytes, and what logs and answers must not repeat as it is."""
    for value in (
        b"\x00", b"a\x00b", b"\x01", b"\x08", b"\x0b", b"\x0c", b"\x1b[31m", b"\x7f", b"\x80",
        b"\xff\xfe", b"\t", b"", b" " * 1000, b"%0d%0aX: y", b"\xe5\x98\x8a\xe5\x98\x8dX: y",
        b'"}{', b"<script>", b"${jndi:ldap://a}", b"() { :;}; id", b"{{7*7}}",
    ):  # fmt: skip
        for name in (b"X", b"X-Request-ID", b"User-Agent", b"Authorization", b"Accept"):
            header = name + b": " + value
            yield Case(f"{header[:40]!r}", ask(b"GET /livez HTTP/1.1", header), LENIENT)


def sizes() -> Iterator[Case]:
    """Lines that are too long, and headers that are too many."""
    large = frozenset({200, 400, 414, 431})
    for size in (4000, 8100, 9000, 70_000):
        text = b"a" * size
        yield Case(f"a value of {size}", ask(b"GET /livez HTTP/1.1", b"X: " + text), large)
        yield Case(f"a name of {size}", ask(b"GET /livez HTTP/1.1", text + b": a"), large)
        yield Case(f"a query of {size}", ask(b"GET /livez?" + text + b" HTTP/1.1"), large)
        yield Case(f"a version of {size}", ask(b"GET /livez HTTP/1." + b"1" * size), large | {505})
        yield Case(f"empty lines before it: {size}", b"\r\n" * size + ask(), large)
    for count in (50, 65, 101, 1000, 10_000):
        headers = [b"X-%d: a" % number for number in range(count)]
        yield Case(f"{count} headers", ask(b"GET /livez HTTP/1.1", *headers), large)
        same = [b"Cookie: a=b"] * count
        yield Case(f"{count} cookies", ask(b"GET /livez HTTP/1.1", *same), large)


def hosts() -> Iterator[Case]:
    """Hosts that are missing, doubled or no hosts."""
    yield Case("no host", b"GET /livez HTTP/1.1\r\n\r\n", LENIENT)
    for host in (
        b"", b" ", b"a, b", b"a b", b"a:99999", b"a:x", b"a:", b":80", b"@", b"u:p@a", b"a/b",
        b"a?b", b"a#b", b"a\x00", b"[::1", b"[::1]", b"[x]", b"..", b"a..b", b"\xff", b"<script>",
        b"a\tb", b"a\\b", b"127.0.0.1:80:80", b"a" * 300, b"a%00", b"http://a", b"xn--a",
    ):  # fmt: skip
        request = b"GET / HTTP/1.1\r\nHost: " + host + b"\r\n\r\n"
        yield Case(f"host {host[:20]!r}", request, LENIENT)
    yield Case("two hosts", ask(b"GET / HTTP/1.1", b"Host: b"))
    yield Case("the same host twice", ask(b"GET / HTTP/1.1", b"Host: a"))
    yield Case("another host", b"GET / HTTP/1.1\r\n Host: b\r\nHost: a\r\n\r\n")
    yield Case("a host with a space", b"GET / HTTP/1.1\r\nHost : a\r\n\r\n")


def forwarded() -> Iterator[Case]:
    """Headers that only a proxy may send, or that become the same WSGI variable as others."""
    for header in (
        b"X-Forwarded-For: 127.0.0.1", b"X-Forwarded-For: evil\x00", b"X-Forwarded-Proto: https",
        b"X-Forwarded-Proto: evil", b"X-Forwarded-Protocol: ssl", b"X-Forwarded-Ssl: on",
        b"X-Forwarded-Host: evil", b"X-Forwarded-Prefix: /smuggled", b"X-Forwarded-Port: x",
        b"Forwarded: for=127.0.0.1;host=evil", b"X-Real-IP: 127.0.0.1",
        b"X-Original-URL: /smuggled", b"X-Rewrite-URL: /smuggled", b"X-Accel-Redirect: /smuggled",
        b"X-Sendfile: /etc/passwd", b"X_Forwarded_For: 127.0.0.1", b"X_Forwarded-Proto: https",
        b"X-Forwarded_Proto: https", b"X_Request_ID: evil", b"X-Request_ID: evil",
        b"X_API_Key: evil", b"Content_Type: a", b"SCRIPT_NAME: /smuggled",
        b"Script-Name: /smuggled", b"PATH_INFO: /smuggled", b"Path-Info: /smuggled",
        b"REMOTE_USER: root", b"Proxy: http://evil.example",
        b"X-Request-ID: one\r\nX-Request-ID: two",
        b"Connection: close\r\nX-Forwarded-For: a\r\nX-Forwarded-For: b",
        b"X-Forwarded-Proto: http\r\nX-Forwarded-Proto: https",
    ):  # fmt: skip
        yield Case(f"{header!r}", ask(b"GET /livez HTTP/1.1", header), LENIENT)
    yield Case("the PROXY protocol", b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n" + ask())
    second = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes(12)
    yield Case("the PROXY protocol, version 2", second + ask(), LENIENT)


def connections() -> Iterator[Case]:
    """Upgrades, expectations, and headers that name others as for one hop only."""
    for header in (
        b"Connection: X-Request-ID", b"Connection: Host",
        b"Connection: close, Host, Content-Length", b"Connection: \x00",
        b"Connection: " + b"a," * 500, b"Keep-Alive: timeout=99999",
        b"Proxy-Connection: keep-alive", b"TE: trailers, chunked", b"Max-Forwards: 0",
        b"Via: 1.1 a",
        b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQ",
        b"Connection: Upgrade\r\nUpgrade: h2c",
        b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHM=",
        b"Connection: Upgrade\r\nUpgrade: TLS/1.0", b"Connection: Upgrade",
        b"Upgrade: h2c, websocket", b"Range: bytes=0-0", b"Range: bytes=" + b"0-0," * 900 + b"0-0",
        b"If-None-Match: *", b"If-Match: x", b"If-Unmodified-Since: x",
        b"Content-Type: a\r\nContent-Type: b",
    ):  # fmt: skip
        yield Case(f"{header[:60]!r}", ask(b"GET /livez HTTP/1.1", header), LENIENT)
    expected = frozenset({400, 415, 417})
    for value in (
        b"100-continue",
        b"100-Continue",
        b"x",
        b"100-continue, x",
        b"",
        b"200-ok",
        b"\x00",
    ):
        expect = b"Expect: " + value
        yield Case(f"{expect!r}", post(expect, length(SMUGGLED), body=SMUGGLED), expected)
        chunked = post(expect, b"Transfer-Encoding: chunked", body=HIDDEN_IN_CHUNK)
        yield Case(f"{expect!r}, chunks", chunked, expected)
    for hop in (b"Content-Length", b"Transfer-Encoding", b"close, Content-Length"):
        named = post(b"Connection: " + hop, length(SMUGGLED), body=SMUGGLED)
        yield Case(f"for one hop: {hop!r}", named, BODY)
    yield Case("gzip", post(b"Content-Encoding: gzip", length(SMUGGLED), body=SMUGGLED), BODY)


MAKERS = (
    line_ends, versions, methods, targets, names, values, sizes, hosts, forwarded, connections,
)  # fmt: skip
