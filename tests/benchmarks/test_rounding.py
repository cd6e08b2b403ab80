"""A tensor that was made of 8-bit pixels is served as if it had never been normalised."""

from dataclasses import replace

import numpy as np

from benchmarks import pictures, rounding
from inference_app.config import BUNDLED_MODEL
from inference_app.model import prepared


def test_rounding_costs_little_and_nothing_where_there_is_none() -> None:
    model = replace(prepared.read(BUNDLED_MODEL), precision="fp32")
    photos = pictures.photos()[1][:4]
    between = rounding.compare(model, photos, rounding.levels)
    assert 1e-5 < between["largest_difference"] < 0.05
    whole = rounding.compare(model, photos, lambda *each: np.rint(rounding.levels(*each)))
    assert whole["largest_difference"] < 1e-5
