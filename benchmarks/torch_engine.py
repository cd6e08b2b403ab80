"""What the engine torch keeps of bare torch: alone, and behind the batcher with many clients.

All start from decoded pictures. Bare torch has them normalised on its device already; the engine
gets them as uint8 in memory, as decoding leaves them.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import machine
from inference_app.config import Settings
from inference_app.cpus import available_cpus
from inference_app.model import prepared
from inference_app.model.classifier import Classifier
from inference_app.model.engine.torch import TorchEngine, dtype_of, load_classifier
from inference_app.model.engine.torch_runtime import torch
from inference_app.model.prepared import PreparedModel
from inference_app.timing import Timing

Pixels = NDArray[np.uint8]
Job = Callable[[], object]
ROUNDS, SECONDS = 12, 1.5  # many and short: a shared machine has quiet moments


def measure(folder: Path, rounds: int = ROUNDS, seconds: float = SECONDS) -> dict[str, Any]:
    """Return images/s by batch size of bare torch and the engine, and of the engine when served.

    They are measured in turn, in several rounds; each figure is the highest.
    """
    model, threads = prepared.read(folder), available_cpus()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    engine, bare = TorchEngine(model, threads), bare_torch(model, device, threads)
    sizes, largest = engine.batch_sizes, max(engine.batch_sizes)
    shape = (largest, *model.preprocessing.crop, 3)
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    classifier = Classifier(model, engine, Settings(workers=1))
    found = [
        {
            "bare": {size: _rate(bare(size), size, seconds) for size in sizes},
            "engine": {
                size: _rate(lambda size=size: engine.infer(pixels[:size]), size, seconds)  # type: ignore[misc]
                for size in sizes
            },
            "served": {largest: _served(classifier, pixels, seconds)},
        }
        for _ in range(rounds)
    ]
    rates = {
        name: {size: max(each[name][size] for each in found) for size in by_size}
        for name, by_size in found[0].items()
    }
    return {
        "machine": machine.facts(),
        "device": torch.cuda.get_device_name() if device == "cuda" else "CPU",
        "dtype": str(dtype_of(model.precision, device)),
        "images_per_s": rates,
        "share_of_bare_torch": {
            name: {size: round(rate / rates["bare"][size], 3) for size, rate in rates[name].items()}
            for name in ("engine", "served")
        },
    }


def bare_torch(model: PreparedModel, device: str, threads: int) -> Callable[[int], Job]:
    """Return what makes, for a batch size, a function that runs such a batch of noise."""
    torch.set_num_threads(threads)
    dtype = dtype_of(model.precision, device)
    network = load_classifier(model.folder).eval().to(device, dtype)
    network = network.to(memory_format=torch.channels_last)

    def of_size(size: int) -> Job:
        noise = torch.randn(size, 3, *model.preprocessing.crop, device=device, dtype=dtype)
        noise = noise.contiguous(memory_format=torch.channels_last)

        def run() -> object:
            with torch.inference_mode():
                return network(pixel_values=noise).logits.cpu()  # waits for the GPU

        return run

    return of_size


def _rate(job: Job, pictures: int, seconds: float) -> float:
    """Return the images/s of a function that takes so many at a time."""
    job()
    done, start = 0, time.perf_counter()
    while (took := time.perf_counter() - start) < seconds:
        job()
        done += pictures
    return round(done / took, 1)


def _served(classifier: Classifier, pixels: Pixels, seconds: float) -> float:
    """Return the images/s of clients that send two batches' worth of pictures at a time."""
    clients, start = 2 * len(pixels), time.perf_counter()

    def client(number: int) -> int:
        done = 0
        while time.perf_counter() < start + seconds:
            classifier.infer(pixels[number % len(pixels)], Timing())
            done += 1
        return done

    with ThreadPoolExecutor(clients) as pool:
        done = sum(pool.map(client, range(clients)))
    return round(done / (time.perf_counter() - start), 1)
