"""Where a request ends: lengths, codings, chunks, and bodies that few expect."""

from collections.abc import Iterator

from tests.smuggling.case import (
    ANSWERED,
    BAD,
    BODY,
    CODING,
    HIDDEN_AFTER_CHUNKS,
    HIDDEN_IN_CHUNK,
    SMUGGLED,
    Case,
    ask,
    length,
    post,
)


def both_lengths() -> Iterator[Case]:
    """CL.TE and TE.CL: both headers, in both orders, each right by one of them."""
    chunked = b"Transfer-Encoding: chunked"
    for name, body, size in (
        ("CL.TE", HIDDEN_AFTER_CHUNKS, length(HIDDEN_AFTER_CHUNKS)),
        ("TE.CL", HIDDEN_IN_CHUNK, b"Content-Length: 4"),
        ("TE.0", HIDDEN_IN_CHUNK, b"Content-Length: 0"),
        ("agreed", HIDDEN_IN_CHUNK, length(HIDDEN_IN_CHUNK)),
    ):
        yield Case(f"{name}, length first", post(size, chunked, body=body))
        yield Case(f"{name}, coding first", post(chunked, size, body=body))
    old = b"POST /predict HTTP/1.0"
    yield Case("chunked in HTTP/1.0", ask(old, chunked, body=HIDDEN_IN_CHUNK))


def codings() -> Iterator[Case]:
    """TE.TE: a coding disguised, so that only one of two servers sees it."""
    values = (
        b"Chunked", b"CHUNKED", b"\tchunked", b"chunked\t", b" \x0bchunked", b"\x0cchunked",
        b"chunked\x0b", b"xchunked", b"chunkedx", b"chunked, identity", b"identity, chunked",
        b"identity", b"gzip, chunked", b"chunked, gzip", b"chunked, chunked", b"chunked,",
        b",chunked", b"x", b'"chunked"', b"'chunked'", b"chunked;q=1", b"\x00chunked",
        b"chunked\x00", b"", b"\xffchunked", b"chun ked", b"gzip", b"chunked\r\n chunked",
        b"\r\n chunked", b"c\xc4\xa7unked",
    )  # fmt: skip
    for value in values:
        coding = b"Transfer-Encoding: " + value
        after = post(length(HIDDEN_AFTER_CHUNKS), coding, body=HIDDEN_AFTER_CHUNKS)
        yield Case(f"coding {value!r} and a length", after, frozenset({400, 501}))
        yield Case(f"coding {value!r}", post(coding, body=HIDDEN_IN_CHUNK), CODING)
    headers = (
        b"Transfer-Encoding : chunked", b"Transfer-Encoding\t: chunked",
        b"Transfer-Encoding\x00: chunked", b"Transfer_Encoding: chunked",
        b" Transfer-Encoding: chunked", b"X: x\rTransfer-Encoding: chunked",
        b"X: x\nTransfer-Encoding: chunked", b"X: x\r\n Transfer-Encoding: chunked",
        b"Transfer\xadEncoding: chunked", b"Transfer-Encoding:\nchunked",
        b"transfer-encoding:chunked", b"Content-Encoding: chunked",
        b"X:\x00\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
        b"Transfer-Encoding: x\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
    )  # fmt: skip
    for header in headers:
        body = HIDDEN_AFTER_CHUNKS
        yield Case(f"{header!r} and a length", post(length(body), header, body=body), CODING)


def lengths() -> Iterator[Case]:
    """Lengths that are doubled, contradict each other, or are no plain numbers."""
    body = b"aaaaa"
    for first, second in ((b"5", b"%d"), (b"%d", b"5"), (b"0", b"%d"), (b"%d", b"0")):
        both = body + SMUGGLED
        pair = [
            b"Content-Length: " + each.replace(b"%d", b"%d" % len(both)) for each in (first, second)
        ]
        yield Case(f"lengths {first!r} and {second!r}", post(*pair, body=both))
    yield Case("the same length twice", post(length(body), length(body), body=body), BODY)
    for value in (b"05", b"0000000000005", b"5 ", b"  5", b"5\t"):
        yield Case(f"length {value!r}", post(b"Content-Length: " + value, body=body), BODY)
    values = (
        b"5, 5", b"5,6", b"5 5", b"+5", b"-5", b"--5", b"0x5", b"5;", b"5a", b"a5", b"", b" ",
        b"1e1", b"5.0", b"5\x00", b"\x005", b'"5"', b"\xd9\xa5", b"\xb2", b"5\x0b", b"5\r\n 0",
        b"18446744073709551621", b"99999999999999999999", b"-1", b"1_0", b"9" * 5000,
    )  # fmt: skip
    for value in values:
        request = post(b"Content-Length: " + value, body=body)
        yield Case(f"length {value[:30]!r}", request, frozenset({400, 413}))
    for header in (b"Content-Length : 5", b"Content_Length: 5", b" Content-Length: 5"):
        # Without the header that it seems to be there is no body, but another request.
        yield Case(f"{header!r} and a length", post(header, length(body), body=body), BODY)
    yield Case("4 GB and five", post(b"Content-Length: 4294967301", body=body), frozenset({413}))


def chunks() -> Iterator[Case]:
    """Chunked bodies: sizes, extensions, ends and trailers."""

    def chunked(name: str, body: bytes, statuses: frozenset[int] = BODY, ends: bool = True) -> Case:
        request = post(b"Transfer-Encoding: chunked", body=body)
        return Case(f"chunks: {name}", request, statuses, ends)

    end = b"\r\naaaaa\r\n0\r\n\r\n"
    yield chunked("none", b"0\r\n\r\n")
    yield chunked("a request inside", HIDDEN_IN_CHUNK)
    yield chunked("a thousand", b"1\r\na\r\n" * 1000 + b"0\r\n\r\n")
    for size in (
        b"5;a=b",
        b"5;a",
        b"5 ;a=b",
        b'5;a="b c"',
        b"005",
        b"0" * 20 + b"5",
        b"5 ",
        b"5\t",
    ):
        yield chunked(f"size {size!r}", size + end)
    wrong = (
        b"0x5", b"+5", b"-5", b"5g", b"g", b"", b" 5", b"5 5", b"5,5", b"5.0", b"\x005", b"5\x00",
        b"5\r", b'"5"', b"\xd9\xa5", b"5_",
    )  # fmt: skip
    for size in wrong:
        yield chunked(f"size {size!r}", size + end, BAD, ends=False)
    for size in (
        b"5\n",
        b"5;\n",
        b"5;a\nGET /smuggled HTTP/1.1\r\nHost: a\r\n",
        b"5;" + b"a" * 100_000,
    ):
        yield chunked(f"size {size[:20]!r}", size + end, BODY | {413}, ends=False)
    for size in (
        b"fffffffff",
        b"7fffffffffffffff",
        b"ffffffffffffffff",
        b"10000000000000005",
        b"f" * 5000,
    ):
        yield chunked(f"size {size[:20]!r}", size + end, BODY | {413}, ends=False)
    for body in (
        b"5\r\naaaaaa\r\n0\r\n\r\n", b"5\r\naaaa\r\n0\r\n\r\n", b"5\r\naaaaa0\r\n\r\n",
        b"5\r\naaaaa\n0\r\n\r\n", b"5\naaaaa\n0\n\n", b"5\r\naaaaaXX0\r\n\r\n",
        b"5\r\naaaaa\r\n0\r\n\n", b"5\r\naaaaa\r\n0\n\r\n", b"5\r\naaaaa\r\n0\r\nX\r\n\r\n",
        b"5\r\naaaaa\r\n", b"5", b"\r\n5\r\naaaaa\r\n0\r\n\r\n",
    ):  # fmt: skip
        yield chunked(repr(body), body, BODY, ends=False)
    for trailer in (
        b"X: y", b"Content-Length: 5", b"Transfer-Encoding: chunked", b"Host: b",
        b"X-Request-ID: evil", b"X: " + b"a" * 4000, b"\r\n".join([b"X: y"] * 50),
    ):  # fmt: skip
        yield chunked(f"trailer {trailer[:20]!r}", b"5\r\naaaaa\r\n0\r\n" + trailer + b"\r\n\r\n")


def hidden_bodies() -> Iterator[Case]:
    """CL.0: bodies where few expect one, which must not be read as the next request."""
    lines = {
        b"GET /livez HTTP/1.1": ANSWERED, b"HEAD /livez HTTP/1.1": ANSWERED,
        b"OPTIONS /livez HTTP/1.1": ANSWERED, b"DELETE /livez HTTP/1.1": frozenset({405}),
        b"PUT /predict HTTP/1.1": frozenset({405}), b"POST /livez HTTP/1.1": frozenset({405}),
        b"POST /nothing HTTP/1.1": frozenset({404}), b"GET / HTTP/1.1": ANSWERED,
        b"GET /docs HTTP/1.1": ANSWERED, b"POST /predict HTTP/1.1": frozenset({415}),
        b"POST /predict?top_k=0 HTTP/1.1": BAD, b"POST /_error HTTP/1.1": frozenset({404}),
    }  # fmt: skip
    for line, statuses in lines.items():
        plain = ask(line, length(SMUGGLED), body=SMUGGLED)
        yield Case(f"{line!r} with a body", plain, statuses)
        chunked = ask(line, b"Transfer-Encoding: chunked", body=HIDDEN_IN_CHUNK)
        yield Case(f"{line!r} with chunks", chunked, statuses)
    form = b"Content-Type: multipart/form-data; boundary=x"
    yield Case("a form that is a request", post(form, length(SMUGGLED), body=SMUGGLED))
    yield Case("a POST without a body", post(b"Content-Length: 0"))
    yield Case("a POST without a length", post())


MAKERS = (both_lengths, codings, lengths, chunks, hidden_bodies)
