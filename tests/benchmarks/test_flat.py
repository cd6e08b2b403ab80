"""The pure parts of the benchmark of flat memory; it measures nothing here."""

import io
from collections import Counter

import pytest
from PIL import Image

from benchmarks import flat, pictures

SEEN = {
    ("PNG", 0, 200, b"a"): 7,
    ("PNG", 1, 200, b"b"): 2,
    ("PNG", 1, 200, b"c"): 1,
    ("empty body", 0, 400, b""): 2,
}
BAD = ("truncated JPEG", "not a picture", "empty body")


def test_mix_has_the_promised_shares() -> None:
    counts = Counter(kind for some in flat.order(20_000) for _, kind in some)
    assert counts.total() == 20_000
    assert sum(counts[kind] for kind in BAD) == 1000
    assert counts["12 MP JPEG"] + counts["12 MP progressive JPEG"] == 200


def test_order_is_random_and_the_same_every_time() -> None:
    assert flat.order(20_000) == flat.order(20_000)
    assert all(len({kind for _, kind in some}) > 5 for some in flat.order(20_000))


def test_samples_are_evenly_spaced() -> None:
    assert [len(some) for some in flat.order(3000)] == [150] * flat.SAMPLES


def test_every_kind_has_bodies_and_the_bad_are_refused() -> None:
    posted = flat.bodies([pictures.generated(20_000)])
    assert posted.keys() == flat.MIX.keys()
    assert posted["empty body"] == [b""]
    with pytest.raises(OSError, match="truncated"):
        Image.open(io.BytesIO(posted["truncated JPEG"][0])).load()


def test_growth_is_the_largest_of_all_workers() -> None:
    samples = [{1: 180.0, 2: 185.0}, {1: 199.0, 2: 186.0}, {1: 181.04, 2: 187.5}]
    assert flat.grown(samples) == 2.5


def test_a_worker_that_died_has_no_growth() -> None:
    with pytest.raises(RuntimeError, match=r"\[1, 2\] became \[1, 3\]"):
        flat.grown([{1: 180.0, 2: 185.0}, {1: 180.0, 3: 20.0}])


def test_statuses_are_counted_by_kind() -> None:
    found = flat.by_kind(Counter(SEEN))
    assert (found["PNG"], found["empty body"], found["photo"]) == ({"200": 10}, {"400": 2}, {})


def test_pictures_with_two_responses_are_counted() -> None:
    assert flat.changeable(Counter(SEEN)) == 1
