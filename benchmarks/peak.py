"""What fraction of this CPU's matrix peak the engine reaches.

The peak is measured, not read from a data sheet: the best rate of large matrix products, in the
engine's precision and on as many threads. The networks' convolutions are such products at best.
"""

import math
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import openvino
from openvino import opset13 as opset

from benchmarks import machine
from inference_app.cpus import available_cpus
from inference_app.model import prepared
from inference_app.model.engine.openvino import OpenVinoEngine, _options
from inference_app.model.prepared import PreparedModel

SIZES = (512, 1024, 2048, 3072)  # rows and columns of the products
LOOPS, SECONDS = 20, 0.25  # many and short: a shared machine has quiet moments
BATCHES = (1, max(OpenVinoEngine.batch_sizes))
Job = Callable[[], object]


def measure(folder: Path) -> dict[str, Any]:
    """Return GFLOP/s of the products and of the engine, on one thread and on all CPUs."""
    model = prepared.read(folder)
    threads, gflop = sorted({1, available_cpus()}), flops(folder / "model.xml") / 1e9
    return {
        "machine": machine.facts(),
        "model": model.name,
        "precision": _options_of(model, 1)["INFERENCE_PRECISION_HINT"],
        "gflop_a_picture": round(gflop, 3),
        "threads": {str(count): on_threads(model, count, gflop) for count in threads},
    }


def on_threads(model: PreparedModel, threads: int, gflop: float) -> dict[str, Any]:
    """Return the peak in GFLOP/s, and the engine's images/s and its fraction of the peak.

    `gflop` is what a picture takes.
    """
    seconds = fastest([*products(model, threads), *inferences(model, threads)])
    products_s, batches_s = seconds[: len(SIZES)], seconds[len(SIZES) :]
    rates = [2e-9 * size**3 / each for size, each in zip(SIZES, products_s, strict=True)]
    images = [batch / each for batch, each in zip(BATCHES, batches_s, strict=True)]
    return {
        "products_gflop_per_s": {str(n): round(r, 1) for n, r in zip(SIZES, rates, strict=True)},
        "peak_gflop_per_s": round(max(rates), 1),
        "engine": {
            f"batch of {batch}": {
                "images_per_s": round(rate, 2),
                "gflop_per_s": round(rate * gflop, 1),
                "fraction_of_peak": round(rate * gflop / max(rates), 3),
            }
            for batch, rate in zip(BATCHES, images, strict=True)
        },
    }


def fastest(jobs: list[Job]) -> list[float]:
    """Return each job's seconds a call in its fastest loop; the jobs take turns, loop by loop."""
    rounds = [[_loop(job) for job in jobs] for _ in range(LOOPS)]
    return [min(each) for each in zip(*rounds, strict=True)]


def _loop(job: Job) -> float:
    calls, start = 0, time.perf_counter()
    while (seconds := time.perf_counter() - start) < SECONDS:
        job()
        calls += 1
    return seconds / calls


def products(model: PreparedModel, threads: int) -> list[Job]:
    """Return a product of square matrices for each of SIZES, as the engine would compute it."""
    return [_product(size, _options_of(model, threads)) for size in SIZES]


def _product(size: int, options: dict[str, Any]) -> Job:
    """Compile A x B with B constant; both, and the result, are in the engine's precision.

    So nothing is converted, which in bf16 would take about a third of the time.
    """
    precision = getattr(openvino.Type, options["INFERENCE_PRECISION_HINT"])
    numbers = np.random.default_rng(0).standard_normal((size, size), np.float32)
    left = opset.parameter([size, size], precision)
    right = opset.constant(numbers, dtype=precision)
    network = openvino.Model([opset.matmul(left, right, False, True)], [left])
    request = openvino.Core().compile_model(network, "CPU", options).create_infer_request()
    request.get_input_tensor().data[:] = right.data
    return partial(request.infer, share_outputs=True)


def inferences(model: PreparedModel, threads: int) -> list[Job]:
    """Return the bare engine's inference of a batch of noise for each of BATCHES."""
    bare, shape = OpenVinoEngine(model, threads), (max(BATCHES), *model.preprocessing.crop, 3)
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    return [partial(bare.infer, pixels[:batch]) for batch in BATCHES]


def _options_of(model: PreparedModel, threads: int) -> dict[str, Any]:
    return _options(openvino.Core(), model.precision, threads)


def flops(network: Path) -> int:
    """Return the floating-point operations that an IR needs for one picture.

    A multiply-add counts as two; those of convolutions and matrix products alone are counted. Of
    ResNet-50 these are 8.2e9: He et al., "Deep Residual Learning for Image Recognition" (2015),
    table 1, give 3.8e9 multiply-adds for the variant whose strides are on the 1 x 1 layers, and
    4.1e9 are the usual figure for the one that is served, with them on the 3 x 3 layers.
    """
    model = openvino.Core().read_model(network)
    _, *others = model.input().partial_shape
    model.reshape([1, *others])
    return 2 * sum(_multiply_adds(each) for each in model.get_ops())


def _multiply_adds(operation: Any) -> int:
    """Count those of one operation: for each of its outputs, the inputs that it is a sum over.

    Source of the weights' axes: OpenVINO's operation specifications. Convolution: out, in, space;
    GroupConvolution: groups, out, in, space; MatMul: its last axis but for `transpose_a`.
    """
    kind = operation.get_type_name()
    if kind == "MatMul":
        axis = -2 if operation.get_attributes()["transpose_a"] else -1
        summed = operation.input_value(0).shape[axis]
    elif kind in ("Convolution", "GroupConvolution"):
        summed = math.prod(operation.input_value(1).shape[1 if kind == "Convolution" else 2 :])
    else:
        return 0
    return int(math.prod(operation.output(0).shape) * summed)
