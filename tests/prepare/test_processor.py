"""Our pixels against those of the image processors of transformers and timm."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import transformers
from PIL import Image, ImageOps

from inference_app.config import BUNDLED_MODEL, Settings
from inference_app.errors import PrepareError
from inference_app.model import image
from inference_app.model.preprocessing import Preprocessing
from inference_app.prepare.processor import preprocessing_of
from tests.conftest import SHARED
from tests.prepare.conftest import MEAN, RESNET_PROCESSOR, STD

# As in its preprocessor_config.json.
BUNDLED_PROCESSOR = RESNET_PROCESSOR | {
    "crop_pct": 1.0,
    "resample": 2,
    "size": {"shortest_edge": 128},
}


def of_transformers(name: str, **numbers: Any) -> Callable[[], Any]:
    return lambda: getattr(transformers, name)(**numbers)


def of_timm(**numbers: Any) -> Callable[[], Any]:
    densenet = {"input_size": (3, 224, 224), "interpolation": "bicubic", "mean": MEAN, "std": STD}
    config = {**densenet, "crop_pct": 0.875, "crop_mode": "center", **numbers}
    return lambda: transformers.TimmWrapperImageProcessor(config)


SUPPORTED = {
    "resnet-50": of_transformers("ConvNextImageProcessor", **RESNET_PROCESSOR),
    "bundled": of_transformers("ConvNextImageProcessor", **BUNDLED_PROCESSOR),
    "densenet121": of_timm(),
    "convnext at 384": of_transformers("ConvNextImageProcessor", size={"shortest_edge": 384}),
    "vit": of_transformers("ViTImageProcessor"),
    "vit, not square": of_transformers("ViTImageProcessor", size={"height": 160, "width": 224}),
    "vit, levels from 0 to 1": of_transformers("ViTImageProcessor", do_normalize=False),
    "vit, levels from 0 to 255": of_transformers(
        "ViTImageProcessor", do_rescale=False, image_mean=[120.0] * 3, image_std=[60.0] * 3
    ),
    "vit, without torchvision": of_transformers("ViTImageProcessorPil"),
    "deit": of_transformers("DeiTImageProcessor"),
    "bit": of_transformers("BitImageProcessor"),
    "clip": of_transformers("CLIPImageProcessor"),
    "levit": of_transformers("LevitImageProcessor"),
    "poolformer": of_transformers("PoolFormerImageProcessor"),
    "poolformer, less margin": of_transformers("PoolFormerImageProcessor", crop_pct=0.95),
    "poolformer, an exact size": of_transformers(
        "PoolFormerImageProcessor", size={"height": 224, "width": 224}
    ),
    "mobilevit flips the channels": of_transformers(
        "MobileViTImageProcessor", size={"shortest_edge": 288}
    ),
    "efficientnet normalises twice": of_transformers("EfficientNetImageProcessor"),
    "efficientnet from -1 to 1": of_transformers(
        "EfficientNetImageProcessor",
        rescale_factor=1 / 127.5,
        rescale_offset=True,
        include_top=False,
        do_normalize=False,
    ),
    "convnext without a margin's share": of_transformers(
        "ConvNextImageProcessor", size={"shortest_edge": 384}, crop_pct=None
    ),
    "one mean for all channels": of_transformers(
        "ViTImageProcessor", image_mean=0.4, image_std=0.3
    ),
    "mobilenet": of_transformers("MobileNetV2ImageProcessor"),
    "timm, odd margins": of_timm(crop_pct=0.9, input_size=(3, 225, 225)),
    "timm, no margin": of_timm(crop_pct=1.0, interpolation="bilinear"),
    "timm, squash": of_timm(crop_mode="squash", crop_pct=0.95),
}


@pytest.mark.parametrize("make", SUPPORTED.values(), ids=SUPPORTED.keys())
def test_our_pixels_are_the_processors(make: Callable[[], Any], photos: list[Path]) -> None:
    processor = make()
    preprocessing = preprocessing_of(processor)
    differences = [difference(photo, preprocessing, processor) for photo in photos]
    assert np.mean(differences) < 1  # 0.04 over the shared photos, 1.1 with another filter


def difference(photo: Path, preprocessing: Preprocessing, processor: Any) -> float:
    """Return the mean difference in grey levels."""
    ours = image.decode(photo.read_bytes(), preprocessing, Settings())
    with Image.open(photo) as picture:
        upright = ImageOps.exif_transpose(picture).convert("RGB")
    pixels = processor(upright, return_tensors="pt")["pixel_values"][0].numpy()
    if preprocessing.channels == "BGR":
        pixels = pixels[::-1]
    theirs = pixels.transpose(1, 2, 0) * preprocessing.std + preprocessing.mean
    assert ours.shape == theirs.shape
    return float(np.abs(ours - theirs).mean())


REFUSED = {
    "perceiver crops first": of_transformers("PerceiverImageProcessor"),
    "imagegpt wants clusters": of_transformers("ImageGPTImageProcessor"),
    "videomae wants a video": of_transformers("VideoMAEImageProcessor"),
    "donut pads": of_transformers("DonutImageProcessor"),
    "a crop larger than the resize": of_transformers("BitImageProcessor", crop_size=256),
    "no crop": of_transformers("BitImageProcessor", do_center_crop=False),
    "no resize": of_transformers("BitImageProcessor", do_resize=False),
    "a limit on the longest edge": of_transformers("ViTImageProcessor", size={"longest_edge": 99}),
    "an unknown filter": of_transformers("ViTImageProcessor", resample=9),
    "a scale of zero": of_transformers("ViTImageProcessor", rescale_factor=0),
    "timm's border": of_timm(crop_mode="border"),
    "timm, not square": of_timm(input_size=(3, 224, 192)),
}


@pytest.mark.parametrize("make", REFUSED.values(), ids=REFUSED.keys())
def test_what_does_more_is_refused(make: Callable[[], Any]) -> None:
    processor = make()
    with pytest.raises(PrepareError, match=type(processor).__name__) as refusal:
        preprocessing_of(processor)
    assert "\n" not in str(refusal.value)


def test_normalisation_is_in_grey_levels() -> None:
    for processor in (SUPPORTED["resnet-50"](), SUPPORTED["densenet121"]()):
        preprocessing = preprocessing_of(processor)
        assert preprocessing.mean == pytest.approx([255 * mean for mean in MEAN])
        assert preprocessing.std == pytest.approx([255 * std for std in STD])


def test_densenets_numbers_are_timms_own() -> None:
    """Not from the Hub: timm knows how its own weights were evaluated."""
    config = timm.models.get_pretrained_cfg("densenet121.tv_in1k").to_dict()
    ours = preprocessing_of(transformers.TimmWrapperImageProcessor(config))
    assert ours == preprocessing_of(SUPPORTED["densenet121"]())
    assert (ours.resize, ours.crop, ours.crop_rounding) == (256, (224, 224), "half_even")


def test_the_bundled_model_has_its_processors_numbers() -> None:
    prepared = json.loads((BUNDLED_MODEL / "preprocessing.json").read_text())
    processor = SUPPORTED["bundled"]()
    assert Preprocessing.from_json(prepared) == preprocessing_of(processor)
    source = SHARED / "bundled_model" / "preprocessor_config.json"
    if source.exists():
        assert json.loads(source.read_text()).items() >= BUNDLED_PROCESSOR.items()
