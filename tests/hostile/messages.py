"""Good pictures in forms, JSON and requests that are broken or strange."""

import base64
import json
from collections.abc import Iterator

from tests.hostile.case import FINE, REFUSED, Case
from tests.hostile.json_bodies import JSON_BODIES
from tests.hostile.pictures import samples

FORM = "multipart/form-data; boundary=x"


def labelled() -> Iterator[Case]:
    """Yield a good picture under any Content-Type, and none of them a form."""
    data = samples()["baseline JPEG"]
    types = (
        "", "image/jpeg", "image/png", "image/svg+xml", "text/html", "application/json", "*/*", "x",
        "application/x-www-form-urlencoded", "application/octet-stream", "multipart/mixed",
        "application/x-python-pickle", "image/jpeg; charset=utf-7", "a" * 1000, "image/jpeg;" * 200,
        "text/plain; boundary=x", "\xe9", "message/http", "multipart/", "application/zip",
    )  # fmt: skip
    for kind in types:
        yield Case(f"type {kind[:30]!r}", data, FINE, headers={"Content-Type": kind})


def part(name: str, data: bytes, head: str = "") -> bytes:
    """Return a part of a form, without the boundary after it."""
    return f'--x\r\nContent-Disposition: form-data; name="{name}"{head}\r\n\r\n'.encode() + data


def forms() -> Iterator[Case]:
    """Yield broken and strange multipart forms."""
    data = samples()["baseline JPEG"]
    whole = part("image", data, '; filename="a.jpg"') + b"\r\n--x--\r\n"
    for at in range(0, len(whole), len(whole) // 25):
        yield Case(f"form cut at {at}", whole[:at], REFUSED, headers={"Content-Type": FORM})
    names = (
        "../../etc/passwd", "..\\..\\boot.ini", "/etc/shadow", "a\x00.jpg", "CON", "a" * 3000,
        "\u202egpj.exe", "|id", "$(id)", "`id`", "%2e%2e%2f", "a;b=c", "'", "<script>", "\t", " ",
        ".", "~root/x",
    )  # fmt: skip
    for name in names:
        form = part("image", data, f'; filename="{name}"') + b"\r\n--x--\r\n"
        yield Case(f"file name {name[:20]!r}", form, headers={"Content-Type": FORM})
    for count in (2, 17, 300, 10_000):
        form = b"\r\n".join([part(f"f{number}", b"1") for number in range(count)])
        form += b"\r\n" + whole
        statuses = FINE if count < 300 else frozenset({400})
        yield Case(f"{count} fields", form, statuses, headers={"Content-Type": FORM})
    many = b"\r\n".join([part("image", data)] * 17) + b"\r\n--x--\r\n"
    yield Case("17 pictures", many, frozenset({413}), headers={"Content-Type": FORM})
    long, many_lines = b"--x\r\nX: " + b"a" * 100_000 + b"\r\n", b"--x\r\n" + b"X: a\r\n" * 5000
    wrong_length = b"--x\r\nContent-Length: 9\r\n"
    broken = {
        "no boundary": ("multipart/form-data", whole),
        "another boundary": ("multipart/form-data; boundary=y", whole),
        "an empty boundary": ("multipart/form-data; boundary=", whole),
        "a long boundary": (f"multipart/form-data; boundary={'x' * 5000}", whole),
        "no disposition": (FORM, b"--x\r\n\r\n" + data + b"\r\n--x--\r\n"),
        "another disposition": (FORM, whole.replace(b"form-data", b"attachment")),
        "line ends without CR": (FORM, whole.replace(b"\r\n", b"\n")),
        "a long header": (FORM, whole.replace(b"--x\r\n", long, 1)),
        "many headers": (FORM, whole.replace(b"--x\r\n", many_lines, 1)),
        "a form in a form": (FORM, part("image", whole) + b"\r\n--x--\r\n"),
        "an empty name": (FORM, part("", data) + b"\r\n--x--\r\n"),
        "an empty picture": (FORM, part("image", b"") + b"\r\n--x--\r\n"),
        "only its end": (FORM, b"--x--\r\n"),
        "a length that is wrong": (FORM, whole.replace(b"--x\r\n", wrong_length, 1)),
        "boundaries alone": (FORM, b"--x\r\n" * 100_000),
        "nothing": (FORM, b""),
    }  # fmt: skip
    for name, (kind, form) in broken.items():
        yield Case(f"form with {name}", form, REFUSED, headers={"Content-Type": kind})


def parts() -> Iterator[Case]:
    """Yield forms whose parts have strange heads, and pictures that clients damaged."""
    data = samples()["baseline JPEG"]
    end, headers = b"\r\n--x--\r\n", {"Content-Type": FORM}
    refused = {
        "in base64": "\r\nContent-Transfer-Encoding: base64",
        "in an unknown encoding": "\r\nContent-Transfer-Encoding: " + "a" * 3000,
        "that is a form": "\r\nContent-Type: multipart/mixed; boundary=x",
        "with 40 headers": "\r\nX: a" * 40,
        "with a long continued header": "\r\n ;" * 5000,
    }
    for name, head in refused.items():
        yield Case(f"a part {name}", part("image", data, head) + end, REFUSED, headers=headers)
    continued = part("image", data, "\r\n " + "; a" * 200) + end
    yield Case("a part with a continued header", continued, FINE, headers=headers)
    for file_name in (b"\xe9.jpg", b"\x95\x5c.jpg", b"\x95\x5c", b"\xff\xfe\xe9\0.\0j\0p\0g\0"):
        form = part("image", data, '; filename="NAME"').replace(b"NAME", file_name) + end
        yield Case(f"a file name {file_name!r}", form, FINE, headers=headers)
    mixed = part("image", data) + b"\r\n" + part("image", b"text") + end
    yield Case("a good picture and a bad one", mixed, FINE, headers=headers)
    stripped = data.translate(None, b"\r\n\0")
    urlencoded = {"Content-Type": "application/x-www-form-urlencoded"}
    yield Case("curl -d", stripped, frozenset({400}), headers=urlencoded)


def encoded() -> Iterator[Case]:
    """Yield broken JSON and base64."""
    data = base64.b64encode(samples()["baseline JPEG"]).decode()
    for name, value in {
        "base64": data,
        "base64 in lines": "\n".join(data[at : at + 76] for at in range(0, len(data), 76)),
        "a data URL": f"data:image/jpeg;base64,{data}",
        "a list": [data, data],
    }.items():
        yield Case(f"JSON with {name}", json.dumps({"image": value}).encode(), FINE)
    wrong: tuple[object, ...] = (
        None, True, 0, -1, 1e308, "", " ", "=", "====", "a", data[:-1], data + "=", data + "!",
        data.replace("/", "_").replace("+", "-")[:-3] + "_-*", "data:", "data:,",
        "data:image/jpeg;base64", "file:///etc/passwd", "http://127.0.0.1/", [], [[]], [None], {},
        {"image": data}, "\u0000", "\ud800", [data] * 17, [""], "A" * 1_000_001,
    )  # fmt: skip
    for number, bad in enumerate(wrong):
        body = json.dumps({"image": bad}).encode()
        yield Case(f"JSON with {str(bad)[:30]!r}, {number}", body, REFUSED)
    texts = (
        b"{", b"{}", b'{"image"', b'{"image":}', b"{'image': 1}", b'{"image": "',
        b'{"image": "a"} b', b"{" * 100_000, b'{"a":' * 100_000, b'{"image":' + b"[" * 100_000,
        b'{"image": NaN}', b'{"image": 1e999}', b'{"image": ' + b"9" * 10_000 + b"}",
        b'\xef\xbb\xbf{"image": "YQ=="}', b'{"image": "\xff"}',
        '{"image": "YQ=="}'.encode("utf-16"), b'{"image": "YQ==", "image": 1}',
        b'{"instances": []}',
    )  # fmt: skip
    for number, text in enumerate(texts):
        yield Case(f"JSON text {number}", text, REFUSED)
    for name, make in JSON_BODIES.items():
        yield Case(f"JSON of {name}", make(500_000), REFUSED)


def addressed() -> Iterator[Case]:
    """Yield a good picture with bad parameters, paths, methods and headers."""
    data = samples()["baseline JPEG"]
    bad = frozenset({400})
    for value in ("0", "-1", "1.5", "NaN", "", "a", "1e3", "9" * 5000, "%00", "1;2", "[]", "١٢ x"):
        yield Case(f"top_k={value[:20]}", data, bad, path=f"/predict?top_k={value}")
    for value in ("1", "5", "1000000", "9" * 3000):
        yield Case(f"top_k={value}", data, FINE, path=f"/predict?top_k={value}")
    for value in ("xml", "", "JSON", "text%0d%0aSet-Cookie:a"):
        yield Case(f"format={value}", data, bad, path=f"/predict?format={value}")
    for name in ("topk", "", "top_k%00", "a" * 3000, "%ff", "format[]", "\u0661"):
        yield Case(f"parameter {name[:20]}", data, bad, path=f"/predict?{name}=1")
    paths = (
        "/predict/", "//predict", "/predict%00", "/predict%2f..%2f", "/..%2f..%2fetc%2fpasswd",
        "/.git/config", "/.env", "/predict.php", "/%ff", "/a" * 500, "/;/predict", "/predict\\",
        "/*", "/admin",
    )  # fmt: skip
    for path in paths:
        statuses = frozenset({200, 308, 400, 404, 405})
        yield Case(f"path {path[:20]}", data, statuses, path=path)
    for method in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "HEAD", "PROPFIND", "post"):
        statuses = frozenset({200, 400, 405})
        yield Case(f"method {method}", b"", statuses, method=method)
    ids = ("../../etc", "a" * 65, '"}', "${jndi:ldap://a}", "<script>", "%0d%0aX: y", "\xe9")
    for value in ids:
        headers = {"X-Request-ID": value}
        yield Case(f"id {value[:20]!r}", data, FINE, headers=headers)
    for accept in ("", "*", "text/plain;q=2", "a" * 3000, "text/plain," * 300, ";", "\xe9/\xe9"):
        yield Case(f"accept {accept[:20]!r}", data, FINE, headers={"Accept": accept})
