"""A network on a GPU, recorded once for each batch size: replaying launches all of it at once.

https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs
"""

import logging
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference_app.model.engine.torch_runtime import torch

log = logging.getLogger(__name__)

Pixels = NDArray[np.uint8]
Logits = NDArray[np.float32]
Infer = Callable[[Pixels], Logits]

WARM_UP = 3  # runs before a recording, in which cuDNN chooses its algorithms


def record(network: torch.nn.Module, shapes: Sequence[tuple[int, ...]]) -> list[Infer] | None:
    """Return a function for each shape of pixels, or None if the network cannot be recorded.

    The largest is recorded first, so that the others fit into its memory.
    """
    pool = torch.cuda.graph_pool_handle()
    try:
        return [_record(network, shape, pool) for shape in reversed(shapes)][::-1]
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:  # it looks at numbers on the way, for which the CPU must wait
        log.warning("runs without CUDA graphs: %s", str(error).partition("\n")[0])
        return None


def _record(network: torch.nn.Module, shape: tuple[int, ...], pool: Any) -> Infer:
    # Pinned: the GPU copies from and to it by itself.
    host = torch.zeros(shape, dtype=torch.uint8, pin_memory=True)
    pixels = host.to("cuda")
    _warm_up(network, pixels)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, pool=pool):
        logits = network(pixels)
    answer = torch.zeros(logits.shape, dtype=torch.float32, pin_memory=True)

    def infer(batch: Pixels) -> Logits:
        np.copyto(host.numpy(), batch)
        pixels.copy_(host, non_blocking=True)
        graph.replay()
        answer.copy_(logits, non_blocking=True)
        torch.cuda.synchronize()
        return answer.numpy().copy()

    return infer


def _warm_up(network: torch.nn.Module, pixels: torch.Tensor) -> None:
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(WARM_UP):
            network(pixels)
    torch.cuda.current_stream().wait_stream(stream)
