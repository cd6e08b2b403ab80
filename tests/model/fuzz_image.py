"""Coverage-guided fuzzing of the decoder's entry: whatever the bytes are, one of our errors.

`python -m tests.model.fuzz_image -runs=20000 CORPUS` takes libFuzzer's options; a crash leaves its
input.
"""

import sys

import atheris

with atheris.instrument_imports(include=["PIL", "inference_app"]):
    from inference_app.config import KNOWN_FORMATS, Settings
    from inference_app.errors import RequestError
    from inference_app.model import image
    from inference_app.model.preprocessing import Preprocessing

PREPROCESSING = Preprocessing(
    resize=32, crop=(28, 28), interpolation="bicubic", mean=(0, 0, 0), std=(1, 1, 1)
)
# Small limits: what is large is refused, and the fuzzer tries more.
SETTINGS = Settings(max_megapixels=1, max_decode_seconds=1, picture_formats=KNOWN_FORMATS)


def decode(data: bytes) -> None:
    """Decode; only a RequestError may come of it, or the pixels that a model takes."""
    try:
        pixels = image.decode(data, PREPROCESSING, SETTINGS)
    except RequestError:
        return
    assert pixels.shape == (28, 28, 3)


if __name__ == "__main__":
    atheris.Setup(sys.argv, decode)
    atheris.Fuzz()
