"""Where the CPU time of a request goes: NGINX, the app, decoding, inference.

The whole stack is measured under load, then again with decoding and inference stubbed out. Those
two are measured in a process by themselves. What the whole takes beyond the sum is what threads and
processes cost each other: caches, switches, cores that are waited for.
"""

import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import machine, ours, pictures, processes
from benchmarks.servers import Server
from benchmarks.serving import Plan, Running
from inference_app.config import Settings
from inference_app.model import image, prepared
from inference_app.model.engine.openvino import OpenVinoEngine

CLIENTS = 16
STUBBED = replace(
    ours.STACK, command=ours.STACK.command.replace("inference_app serve", "benchmarks.stubbed")
)
BATCH = max(OpenVinoEngine.batch_sizes)


def measure(model: Path, seconds: int) -> dict[str, Any]:
    """Return the CPU milliseconds of a request by stage, each stage of so many seconds."""
    kind, photos = pictures.photos()
    plan = Plan(model, model, photos, (), seconds)
    whole, stubbed = loaded(ours.STACK, plan), loaded(STUBBED, plan)
    # Spawned, since OpenVINO's threads do not survive a fork.
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        apart = process.submit(apart_ms, model, photos, seconds).result()
    stages = {
        "NGINX": whole["nginx_ms"],
        "app without decoding and inference": stubbed["app_ms"],
        "decoding": apart["decoding_ms"],
        f"inference, batches of {BATCH}": apart["inference_ms"],
    }
    total = whole["nginx_ms"] + whole["app_ms"]
    return {
        "machine": machine.facts(),
        "model": model.name,
        "pictures": kind,
        "clients": CLIENTS,
        "images_per_s": whole["images_per_s"],
        "images_per_s_stubbed": stubbed["images_per_s"],
        "errors": whole["errors"] + stubbed["errors"],
        "cpu_ms": stages
        | {"the rest: what they cost each other": round(total - sum(stages.values()), 3)}
        | {"whole stack": round(total, 3)},
    }


def loaded(server: Server, plan: Plan) -> dict[str, float]:
    """Return images/s, and the CPU ms of a request in NGINX and in the app."""
    with ours.warmed_up(plan, server=server) as running:
        before = cpu_seconds(running)
        load = running.load(CLIENTS, plan.seconds)
        after = cpu_seconds(running)
    figures = {
        f"{name}_ms": round(1000 * (after[name] - before[name]) / load.answers, 3) for name in after
    }
    return {"images_per_s": load.images_per_s, "errors": load.errors} | figures


def cpu_seconds(running: Running) -> dict[str, float]:
    """Return the CPU time of NGINX's processes and of the others, which are the app's."""
    family = processes.family(running.process.pid, running.mark)
    nginx = {pid for pid in family if "nginx" in processes.command(pid)}
    return {
        "nginx": processes.cpu_seconds(nginx),
        "app": processes.cpu_seconds(family - nginx),
    }


def apart_ms(model: Path, photos: list[bytes], seconds: int) -> dict[str, float]:
    """Return the CPU ms of decoding and of inference, in this process."""
    held, settings = prepared.read(model), Settings()
    engine = OpenVinoEngine(held, ours.DEFAULT.threads)
    batch = np.zeros((BATCH, *held.preprocessing.crop, 3), np.uint8)

    def decode(number: int) -> None:
        image.decode(photos[number % len(photos)], held.preprocessing, settings)

    def infer(_: int) -> None:
        engine.infer(batch)

    return {
        "decoding_ms": cpu_ms(decode, seconds),
        "inference_ms": round(cpu_ms(infer, seconds) / BATCH, 3),
    }


def cpu_ms(call: Callable[[int], None], seconds: float) -> float:
    """Return the CPU ms of a call, over all threads of this process."""
    calls, end, start = 0, time.monotonic() + seconds, time.process_time()
    while time.monotonic() < end:
        call(calls)
        calls += 1
    return round(1000 * (time.process_time() - start) / calls, 3)


def table(results: dict[str, Any]) -> str:
    """Return a line for each stage."""
    rows = results["cpu_ms"]
    whole = rows["whole stack"]
    lines = [f"{ms:7.2f} {ms / whole:6.0%}  {name}" for name, ms in rows.items()]
    return "\n".join([" CPU ms  share  stage", *lines])
