"""Small networks of many architectures, each with an image processor as on the Hub."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import torch
import transformers

from inference_app.prepare.pictures import dead_leaves

CLASSES = 20
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
HALF = [0.5, 0.5, 0.5]


class Architecture(NamedTuple):
    """A class of transformers by its first name, its configuration, and an image processor."""

    name: str
    config: dict[str, Any]
    processor: dict[str, Any]
    suffix: str = "ForImageClassification"


def processor(kind: str, size: Any, **more: Any) -> dict[str, Any]:
    """Return what preprocessor_config.json says."""
    imagenet = {"image_mean": MEAN, "image_std": STD, "resample": 3}
    return {"image_processor_type": f"{kind}ImageProcessor", "size": size, **imagenet, **more}


def square(edge: int) -> dict[str, int]:
    return {"height": edge, "width": edge}


def crop(kind: str, resize: int, edge: int, **more: Any) -> dict[str, Any]:
    numbers = {"do_center_crop": True, "crop_size": square(edge), **more}
    return processor(kind, {"shortest_edge": resize}, **numbers)


PLAIN = {"image_mean": HALF, "image_std": HALF, "resample": 2}
CONVNEXT = processor("ConvNext", {"shortest_edge": 224}, crop_pct=0.875)
BIT = crop("Bit", 256, 224, do_convert_rgb=True)
VIT = processor("ViT", square(224), **PLAIN)
DEIT = processor("DeiT", 256, do_center_crop=True, crop_size=224)
# Channels are flipped.
MOBILEVIT = {
    "feature_extractor_type": "MobileViTFeatureExtractor",
    "crop_size": 256,
    "do_center_crop": True,
    "do_flip_channels": True,
    "resample": 2,
    "size": 288,
}
EFFICIENTNET = processor(
    "EfficientNet",
    square(224),
    image_std=[0.47853944, 0.4732864, 0.47434163],
    include_top=True,
    resample=0,
    rescale_offset=False,
)
TRANSFORMER = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
}
STAGES = {"hidden_sizes": [16, 24, 32, 48], "depths": [1, 1, 1, 1]}
HEADS = {"num_attention_heads": [1, 2, 2, 4]}
WINDOWS = {"embed_dim": 16, "depths": [1, 1, 2, 1], "num_heads": [1, 2, 2, 4]}
DINO = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "patch_size": 14}
LEVIT = {
    "hidden_sizes": [32, 48, 64],
    "num_attention_heads": [2, 3, 4],
    "depths": [1, 1, 1],
    "key_dim": [8, 8, 8],
}
MOBILEVIT_WIDTHS = {
    "hidden_sizes": [24, 32, 48],
    "neck_hidden_sizes": [8, 16, 16, 24, 32, 32, 64],
}
TEACHER = "ForImageClassificationWithTeacher"

ARCHITECTURES = {
    "resnet": Architecture("ResNet", {"embedding_size": 8, **STAGES}, CONVNEXT),
    "regnet": Architecture("RegNet", {"embedding_size": 8, "groups_width": 8, **STAGES}, CONVNEXT),
    "convnext": Architecture("ConvNext", STAGES, CONVNEXT),
    "convnext at 384": Architecture(
        "ConvNext", STAGES, processor("ConvNext", {"shortest_edge": 384}, crop_pct=None)
    ),
    "convnextv2": Architecture("ConvNextV2", STAGES, CONVNEXT),
    "vit": Architecture("ViT", TRANSFORMER, VIT),
    "beit": Architecture("Beit", TRANSFORMER, processor("Beit", square(224), **PLAIN)),
    "data2vec": Architecture(
        "Data2VecVision", TRANSFORMER, processor("Beit", square(224), **PLAIN)
    ),
    "deit": Architecture("DeiT", TRANSFORMER, DEIT, TEACHER),
    "swin": Architecture("Swin", WINDOWS, processor("ViT", square(224))),
    "swinv2": Architecture(
        "Swinv2", {"image_size": 256, "window_size": 8, **WINDOWS}, processor("ViT", square(256))
    ),
    "mobilenet_v1": Architecture(
        "MobileNetV1", {"depth_multiplier": 0.25}, crop("MobileNetV1", 256, 224, **PLAIN)
    ),
    "mobilenet_v2": Architecture(
        "MobileNetV2", {"depth_multiplier": 0.35}, crop("MobileNetV2", 256, 224, **PLAIN)
    ),
    "mobilevit": Architecture("MobileViT", MOBILEVIT_WIDTHS, MOBILEVIT),
    "mobilevitv2": Architecture("MobileViTV2", {"width_multiplier": 0.25}, MOBILEVIT),
    "efficientnet": Architecture(
        "EfficientNet",
        {"width_coefficient": 0.25, "depth_coefficient": 0.3, "hidden_dim": 320},
        EFFICIENTNET,
    ),
    "levit": Architecture("Levit", LEVIT, crop("Levit", 224, 224), TEACHER),
    "poolformer": Architecture("PoolFormer", STAGES, processor("PoolFormer", 224, crop_pct=0.95)),
    "dinov2": Architecture("Dinov2", {"image_size": 518, **DINO}, BIT),
    "dinov2 with registers": Architecture("Dinov2WithRegisters", {"image_size": 518, **DINO}, BIT),
    "focalnet": Architecture("FocalNet", {"embed_dim": 16, "depths": [1, 1, 2, 1]}, BIT),
    "bit": Architecture(
        "Bit", {"embedding_size": 16, "num_groups": 8, **STAGES}, crop("Bit", 256, 224, **PLAIN)
    ),
    "hiera": Architecture("Hiera", WINDOWS, BIT),
    "pvt": Architecture("Pvt", {**STAGES, **HEADS}, processor("Pvt", square(224))),
    "pvt_v2": Architecture("PvtV2", {**STAGES, **HEADS}, processor("Pvt", square(224))),
    "segformer": Architecture(
        "Segformer", {**STAGES, **HEADS}, processor("Segformer", square(512), resample=2)
    ),
    "swiftformer": Architecture(
        "SwiftFormer",
        {"depths": [1, 1, 1, 1], "embed_dims": [16, 24, 32, 48]},
        processor("ViT", square(224)),
    ),
    "siglip": Architecture(
        "Siglip",
        {"vision_config": {"image_size": 224, "patch_size": 16, **TRANSFORMER}},
        processor("Siglip", square(224), **PLAIN),
    ),
}


def save(architecture: Architecture, folder: Path) -> Path:
    """Save a classifier with random weights that names different classes, in Hub format."""
    torch.manual_seed(0)
    config = getattr(transformers, f"{architecture.name}Config")
    network = getattr(transformers, architecture.name + architecture.suffix)
    names = {index: f"class {index}" for index in range(CLASSES)}
    model = network(config(num_labels=CLASSES, id2label=names, **architecture.config))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "preprocessor_config.json").write_text(json.dumps(architecture.processor))
    image_processor = transformers.AutoImageProcessor.from_pretrained(folder)
    pictures = [dead_leaves((500, 375), seed) for seed in range(100, 116)]
    pixels = [image_processor(each, return_tensors="pt")["pixel_values"] for each in pictures]
    with torch.no_grad():
        _liven(model, torch.cat(pixels))
    model.save_pretrained(folder)
    return folder


def _liven(model: Any, pixels: torch.Tensor) -> None:
    """Keep signals in range on their way, and make the classes' logits of pictures differ by 1."""
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            module.momentum = None
            torch.nn.init.uniform_(module.weight, 0.8, 1.2)
            torch.nn.init.normal_(module.bias, std=0.1)
        elif isinstance(module, torch.nn.Linear):
            torch.nn.init.normal_(module.weight, std=module.in_features**-0.5)
    model.train()(pixel_values=pixels)
    model.eval()
    logits = model(pixel_values=pixels).logits
    mean, deviation = logits.mean(dim=0), logits.std(dim=0).mean()
    for module in model.modules():
        if isinstance(module, torch.nn.Linear) and module.out_features == CLASSES:
            module.weight /= deviation
            module.bias.copy_((module.bias - mean) / deviation)
