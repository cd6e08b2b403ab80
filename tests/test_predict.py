"""What `predict` takes for a picture in a folder."""

import pytest

from inference_app.predict import suffixes


@pytest.mark.parametrize(
    ("formats", "included", "excluded"),
    [
        (
            ("JPEG", "PNG", "WEBP"),
            {".jpg", ".jpeg", ".mpo", ".png", ".webp"},
            {".gif", ".eps", ".tif"},
        ),
        (("GIF", "BMP", "TIFF"), {".gif", ".bmp", ".tif", ".tiff"}, {".jpg", ".mpo", ".svg"}),
    ],
)
def test_suffixes_follow_the_formats_that_are_accepted(
    formats: tuple[str, ...], included: set[str], excluded: set[str]
) -> None:
    assert set(suffixes(formats)) & (included | excluded) == included
