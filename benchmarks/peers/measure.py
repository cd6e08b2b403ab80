"""One server with one engine: sweep its tunings, then measure the best one at length."""

import os
import shutil
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks import environments
from benchmarks.servers import Server, Tuning
from benchmarks.serving import SWEEP_CLIENTS, Plan, serving


def measure(
    server: Server, engine: str, plan: Plan, tuning: Tuning | None = None
) -> dict[str, Any]:
    """Return all figures of a server with an engine, or the error.

    Without a `tuning`, the best one is searched for.
    """
    requirements = server.requirements(engine)
    packages = (server.package, "torch", "transformers", "openvino")
    result: dict[str, Any] = {"versions": environments.versions(requirements, packages)}
    try:
        _check_needs(server)
        venv = environments.install(server.environment_name(engine), requirements)
        record = result.setdefault("sweep", [])
        best = tuning or _sweep(server, engine, plan, venv, record)
        result |= _measure_best(server, engine, plan, venv, best)
        result["installed_mb"] = environments.size_mb(venv)
    except (RuntimeError, OSError, ValueError, subprocess.SubprocessError) as error:
        result["error"] = str(error)
    return result


def _check_needs(server: Server) -> None:
    for program in server.needs:
        if not shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin"):
            raise RuntimeError(f"{program} is not installed")


def _sweep(
    server: Server, engine: str, plan: Plan, venv: Path, record: list[dict[str, Any]]
) -> Tuning:
    """Try every tuning for a short while; return the best.

    Raises RuntimeError if none of them ran.
    """
    tried = []
    for tuning in server.tunings():
        try:
            with serving(server, engine, tuning, plan, venv) as running:
                running.load(SWEEP_CLIENTS, plan.warm_up_seconds)
                load = running.load(SWEEP_CLIENTS, plan.sweep_seconds)
        except RuntimeError as error:
            record.append(asdict(tuning) | {"error": str(error)})
            continue
        record.append(asdict(tuning) | {"start_s": running.start_s} | load.to_json())
        tried.append((load.images_per_s, tuning))
    if not tried:
        raise RuntimeError(record[-1]["error"])
    return max(tried, key=lambda pair: pair[0])[1]


def _measure_best(
    server: Server, engine: str, plan: Plan, venv: Path, best: Tuning
) -> dict[str, Any]:
    runs, kinds = [], {}
    with serving(server, engine, best, plan, venv) as running:
        running.load(SWEEP_CLIENTS, plan.warm_up_seconds)
        for clients in plan.clients:
            load = running.load(clients, plan.seconds)
            runs.append(load.to_json() | {"pss_mb": running.pss_mb()})
        for kind in plan.kinds:
            load = running.load(SWEEP_CLIENTS, plan.sweep_seconds, kind)
            kinds[kind] = load.to_json() | {"pss_mb": running.pss_mb()}
    return {
        "tuning": asdict(best),
        "start_s": running.start_s,
        "first_answer": running.first_answer[:400],
        "runs": runs,
        "kinds": kinds,
    }
