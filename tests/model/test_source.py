"""Reading stops when its time is used up, and gives libjpeg one scan at a time."""

import time

import pytest

from inference_app.errors import ClientDisconnected, TooLarge
from inference_app.model.source import Source

SCAN = b"\xff\xda"


def nothing() -> None:
    """Let decoding go on."""


def blocks(data: bytes, size: int = 65_536) -> list[bytes]:
    """Return what a decoder of JPEG gets."""
    source = Source(data, 1)
    source.decode(1, nothing, split_scans=True)
    return list(iter(lambda: source.read(size), b""))


def test_a_header_is_read_as_from_a_file() -> None:
    source = Source(b"abc" + SCAN * 10, 1)
    assert source.read(5) == b"abc" + SCAN
    assert source.read(None) == SCAN * 9
    assert source.read() == b""


def test_no_block_has_two_scans() -> None:
    data = b"header" + SCAN + b"one" + SCAN + b"\xff" + SCAN + SCAN + b"z" * 100
    assert blocks(data) == [b"header", SCAN + b"one", SCAN + b"\xff", SCAN, SCAN + b"z" * 100]
    assert b"".join(blocks(data, 7)) == data


@pytest.mark.parametrize("data", [b"", SCAN, SCAN[:1], SCAN + SCAN[:1]], ids=str)
def test_no_byte_is_lost_at_the_end(data: bytes) -> None:
    assert b"".join(blocks(data)) == data


def spend(seconds: float) -> None:
    """Use CPU time."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def test_a_header_of_very_many_parts_is_refused() -> None:
    source = Source(bytes(1000), 0.01)
    spend(0.02)
    with pytest.raises(TooLarge, match="too long"):
        list(iter(lambda: source.read(1), b""))


def test_decoding_ends_when_its_time_is_used_up() -> None:
    source = Source(bytes(1000), 10)
    source.decode(0.01, nothing, split_scans=False)
    assert source.read(10) == bytes(10)
    spend(0.02)
    with pytest.raises(TooLarge, match="too long"):
        source.read(10)


def test_waiting_does_not_count() -> None:
    source = Source(bytes(1000), 10)
    source.decode(0.05, nothing, split_scans=False)
    time.sleep(0.1)
    assert source.read(10) == bytes(10)


def test_decoding_can_be_ended_from_outside() -> None:
    def gone() -> None:
        raise ClientDisconnected

    source = Source(bytes(1000), 10)
    source.decode(10, gone, split_scans=False)
    with pytest.raises(ClientDisconnected):
        source.read(10)
