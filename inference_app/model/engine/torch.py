"""Runs the network of a prepared model with torch: on a GPU where there is one, or on the CPU.

For models that OpenVINO cannot convert, and for GPUs. CUDA_VISIBLE_DEVICES hides GPUs, or chooses
one.
"""

import logging
import os
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import transformers

from inference_app.errors import PreparedModelError
from inference_app.model.engine import cuda_graphs
from inference_app.model.engine.cuda_graphs import Infer, Logits, Pixels
from inference_app.model.engine.openvino import arithmetic
from inference_app.model.engine.torch_runtime import torch
from inference_app.model.prepared import PreparedModel
from inference_app.model.preprocessing import Preprocessing
from inference_app.model.runtime import openvino

log = logging.getLogger(__name__)

# No code and no pickles out of a model's folder, ever; nor a look at the network.
SAFELY = {"trust_remote_code": False, "local_files_only": True}

BATCH_SIZES = {"cpu": (1, 2, 4), "cuda": (1, 2, 4, 8, 16, 32)}  # a GPU is slow with few pictures


class TorchEngine:
    """A classifier of transformers. Make it after the fork: CUDA does not survive one.

    One thread of its own does all the work: OpenMP would keep a set of threads for every thread
    that ever called it.
    """

    def __init__(self, model: PreparedModel, threads: int) -> None:
        """Load for batches of `batch_sizes` on a GPU or `threads` CPU threads; run each once.

        `seconds` is then what one picture takes while nothing else runs.

        Raises PreparedModelError if transformers cannot load or torch cannot run the network.
        """
        device = "cuda" if torch.cuda.is_available() else "cpu"
        self.batch_sizes = BATCH_SIZES[device]
        shape = (*model.preprocessing.crop, 3)
        self._thread = ThreadPoolExecutor(1, "torch")
        try:
            start = self._thread.submit(_start, model, device, threads, self.batch_sizes)
            self._infers = start.result()
            self.seconds = min(self._time(np.zeros((1, *shape), np.uint8)) for _ in range(3))
        except Exception as error:
            raise PreparedModelError(f"{model.folder} cannot be run with torch: {error}") from error

    def infer(self, pixels: Pixels) -> Logits:
        """Return the logits, float32 (N, classes), of pictures, uint8 (N, H, W, 3).

        N is one of `batch_sizes`. One call at a time: see batcher.py. Raises MemoryError if the GPU
        has none left.
        """
        return self._thread.submit(_guarded, self._infers[len(pixels)], pixels).result()

    def _time(self, pixels: Pixels) -> float:
        start = time.perf_counter()
        self.infer(pixels)
        return time.perf_counter() - start


class Network(torch.nn.Module):
    """A classifier with its normalisation: from pixels, uint8 (N, H, W, 3), to float32 logits."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(
        self, classifier: torch.nn.Module, preprocessing: Preprocessing, dtype: torch.dtype
    ) -> None:
        super().__init__()
        # Pictures come as NHWC, which is torch's channels_last.
        self.classifier = classifier.eval().to(dtype).to(memory_format=torch.channels_last)
        self.dtype, self.reverse = dtype, preprocessing.channels == "BGR"
        self.register_buffer("mean", torch.tensor(preprocessing.mean).reshape(3, 1, 1))
        self.register_buffer("std", torch.tensor(preprocessing.std).reshape(3, 1, 1))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Return logits (N, classes)."""
        values = (pixels.permute(0, 3, 1, 2) - self.mean) / self.std
        values = values.flip(1) if self.reverse else values
        logits: torch.Tensor = self.classifier(pixel_values=values.to(self.dtype)).logits
        return logits.float()


def load_classifier(folder: Path, **options: Any) -> Any:
    """Load a classifier in Hugging Face format, in fp32, with transformers."""
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    model = transformers.AutoModelForImageClassification
    return model.from_pretrained(folder, dtype="float32", use_safetensors=True, **SAFELY, **options)


def dtype_of(precision: str, device: str) -> torch.dtype:
    """Return what a model's `precision` means there; ``auto`` is 16 bits where that is faster."""
    if device == "cpu":
        name = arithmetic(openvino.Core(), precision)
        return {"bf16": torch.bfloat16, "fp32": torch.float32}[name]
    if precision == "auto" and not torch.cuda.is_bf16_supported(including_emulation=False):
        return torch.float16
    return torch.float32 if precision == "fp32" else torch.bfloat16


@torch.inference_mode()
def _start(
    model: PreparedModel, device: str, threads: int, sizes: tuple[int, ...]
) -> dict[int, Infer]:
    """Return a function for each batch size, each run once; call it in the thread that runs it."""
    torch.set_num_threads(threads)
    torch.backends.cudnn.benchmark = True  # the shapes stay the same
    torch.backends.cudnn.allow_tf32 = False  # fp32 means it
    classifier = load_classifier(model.folder)
    dtype = dtype_of(model.precision, device)
    network = Network(classifier, model.preprocessing, dtype).to(device)
    shapes = [(size, *model.preprocessing.crop, 3) for size in sizes]
    infers = cuda_graphs.record(network, shapes) if device == "cuda" else None
    infers = infers or [partial(_run, network, device)] * len(shapes)
    for infer, shape in zip(infers, shapes, strict=True):
        infer(np.zeros(shape, np.uint8))
    return dict(zip(sizes, infers, strict=True))


def _run(network: Network, device: str, pixels: Pixels) -> Logits:
    logits: Logits = network(torch.tensor(pixels, device=device)).cpu().numpy()
    return logits


@torch.inference_mode()
def _guarded(infer: Infer, pixels: Pixels) -> Logits:
    try:
        return infer(pixels)
    except torch.OutOfMemoryError as error:
        raise MemoryError("the GPU has no memory left") from error
    except torch.AcceleratorError as error:  # CUDA fails for ever after: another worker is started
        log.critical("the GPU failed: %s", error)
        os._exit(1)
