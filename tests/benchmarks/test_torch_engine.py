"""What is measured of the engine torch; nothing is timed here."""

from pathlib import Path

from benchmarks import torch_engine
from tests.support.engines import prepare_tiny


def test_every_batch_size_is_compared_with_bare_torch(tmp_path: Path) -> None:
    found = torch_engine.measure(prepare_tiny("torch", tmp_path), rounds=1, seconds=0.05)
    rates, shares = found["images_per_s"], found["share_of_bare_torch"]
    assert list(rates["bare"]) == list(rates["engine"]) == list(shares["engine"])
    assert list(shares["served"]) == [max(rates["bare"])]
    assert all(rate > 0 for by_size in rates.values() for rate in by_size.values())
