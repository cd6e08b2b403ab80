"""Scaled decoding names the same classes as full decoding."""

import pytest

from benchmarks import accuracy, pictures


@pytest.fixture(scope="module")
def compared() -> accuracy.Comparison:
    _, photos = pictures.photos()
    phones = [pictures.phone(photo, megapixels=3) for photo in photos[:2]]
    return accuracy.compare(accuracy.bundled_model(), [*photos, *phones])


def test_scaled_decoding_names_the_same_classes(compared: accuracy.Comparison) -> None:
    figures = compared.to_json()
    assert figures["pictures"] == len(pictures.photos()[1]) + 2
    assert figures["same_top_1"] >= 0.99


def test_some_pictures_were_really_scaled(compared: accuracy.Comparison) -> None:
    assert sum(count for divisor, count in compared.scales.items() if divisor > 1) >= 2
    assert compared.to_json()["largest_difference"] > 0
