"""The checks, each of one thing; `MACHINE` and `SERVER` list them."""

import errno
import http.client
import os
import platform
import re
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from importlib.metadata import version
from typing import Literal, NamedTuple

from inference_app.config import Settings, int_range
from inference_app.cpus import available_cpus
from inference_app.doctor import machine
from inference_app.errors import UserError
from inference_app.memory import available_memory
from inference_app.model import image, prepared
from inference_app.model.engine import check_installed
from inference_app.model.engine.openvino import arithmetic
from inference_app.model.memory_budget import BYTES_A_BYTE, MB, MemoryBudget, replica_needs
from inference_app.model.runtime import openvino
from inference_app.pool import open_files, shared_memory
from inference_app.telemetry import tracing
from inference_app.version import __version__
from inference_app.web.api_keys import ApiKeys

Level = Literal["ok", "warn", "fail"]


class Finding(NamedTuple):
    """What a check found; `advice` says what to change, where something should be."""

    level: Level
    subject: str
    found: str
    advice: str = ""


def examine(environ: Mapping[str, str] = os.environ) -> Iterator[Finding]:
    """Yield what every check finds; with bad settings, only those of the machine."""
    yield from (check() for check in MACHINE)
    try:
        settings = Settings.from_environment(environ)
    except UserError as error:
        yield Finding("fail", "settings", str(error), "docs/settings.md says what each may be")
        return
    names = [row.name.upper() for row in fields(Settings) if environ.get(row.name.upper())]
    chosen = ", ".join(f"{name}={environ[name]}" for name in names)
    yield Finding("ok", "settings", chosen or "all have their defaults")
    yield from (check(settings) for check in SERVER)


def _judge(subject: str, found: str, *complaints: tuple[bool, Level, str]) -> Finding:
    """Return the first complaint that applies, as (applies, level, advice), or ok."""
    applying = (Finding(level, subject, found, advice) for yes, level, advice in complaints if yes)
    return next(applying, Finding("ok", subject, found))


def _attempt(subject: str, found: str, attempt: Callable[[], object]) -> Finding:
    try:
        attempt()
    except UserError as error:
        return Finding("fail", subject, str(error))
    return Finding("ok", subject, found)


def _versions() -> Finding:
    versions = f"Python {platform.python_version()}, OpenVINO {version('openvino')}"
    return Finding("ok", "versions", f"inference_app {__version__}, {versions}")


def _cpu() -> Finding:
    features = machine.cpu_features()
    found = f"{available_cpus()} of {os.cpu_count()} CPUs; {' '.join(features) or 'no AVX2 seen'}"
    slow = bool(features) and not {"avx2", "asimd"} & set(features)
    return _judge("cpu", found, (slow, "warn", "inference is slow without AVX2: change machines"))


def _files(settings: Settings) -> Finding:
    limit, wanted = machine.open_files(), open_files.CONNECTIONS
    taken = wanted if limit is None else open_files.connections(limit, settings.threads)
    found = f"{limit or 'any number'} may be open: {taken} connections a worker"
    return _judge("files", found, (taken < wanted, "warn", f"ulimit -Hn {4 * wanted}"))


def _heartbeats() -> Finding:
    folder = shared_memory.folder()
    found = f"{folder} is there" if folder else f"{shared_memory.FOLDER} is not there"
    locked = folder is not None and not os.access(folder, os.W_OK)
    return _judge(
        "heartbeats",
        found,
        (locked, "fail", "workers cannot write their heartbeats there: mount it writable"),
        (folder is None, "warn", "workers' heartbeats go to a disk; a slow one gets them killed"),
    )


def _nginx() -> Finding:
    path = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if path is None:
        outside = not machine.in_container()  # in Docker it has a container of its own
        return _judge(
            "nginx",
            "not here",
            (
                outside,
                "warn",
                "install it: it buffers uploads, and retries",
            ),
        )
    said = subprocess.run([path, "-v"], capture_output=True, text=True, check=False).stderr  # noqa: S603
    number = re.search(r"/(\d+)\.(\d+)", said)
    old = number is None or (int(number[1]), int(number[2])) < (1, 22)
    return _judge("nginx", f"{path}, {said.strip()}", (old, "warn", "install 1.22 or later"))


def _nginx_port() -> Finding:
    try:
        port = int_range(1, 65535)(os.environ.get("HTTP_PORT") or "8080")
    except ValueError as wanted:
        return Finding("fail", "http_port", f"HTTP_PORT must be {wanted}")
    finding = _try_port("http_port", "HTTP_PORT", "0.0.0.0", port)  # noqa: S104
    # `serve` does without NGINX.
    return finding._replace(level="warn") if finding.level == "fail" else finding


def _model(settings: Settings) -> Finding:
    try:
        model = prepared.read(settings.model_path)
        check_installed(model)
    except UserError as error:
        return Finding("fail", "model", str(error))
    found = f"{model.name}, {len(model.labels)} classes, each file as it was prepared"
    script = "run_docker.sh" if machine.in_container() else "run_local.sh"
    advice = (
        "a demonstration, which is wrong about half the time: serve another with "
        f"MODEL_ID=microsoft/resnet-50 ./{script}"
    )
    return _judge("model", found, (model.is_bundled, "warn", advice))


def _precision(settings: Settings) -> Finding:
    try:
        asked = prepared.read_manifest(settings.model_path)["precision"]
    except (UserError, KeyError):
        return Finding("fail", "precision", "unknown without a model")
    core = openvino.Core()
    uses, best = arithmetic(core, asked), arithmetic(core, "auto")
    features = machine.cpu_features()
    slow_int8 = uses == "int8" and bool(features) and not machine.INT8 & set(features)
    found = f"{asked}: computes in {uses}{', at half the speed without VNNI' * slow_int8}"
    advice = "this CPU has no bf16: prepare the model with --precision auto"
    return _judge("precision", found, (uses == "bf16" != best, "warn", advice))


def _workers(settings: Settings) -> Finding:
    cpus, threads = available_cpus(), settings.inference_threads
    many = settings.workers > max(2, cpus) or threads > cpus
    found = f"{settings.workers}, whose models run on {threads} of {cpus} CPUs each"
    advice = "more than the CPUs cost memory and time: unset WORKERS and INFERENCE_THREADS"
    return _judge("workers", found, (many, "warn", advice))


def _memory(settings: Settings) -> Finding:
    limit, needs = available_memory(), replica_needs(settings)
    budget = MemoryBudget.of_memory(settings, limit)
    picture = settings.max_megapixels * 1_000_000 * image.MAX_BYTES_PER_PIXEL
    body = settings.max_upload_mb * 1024 * 1024 * BYTES_A_BYTE
    found = (
        f"{'unknown' if limit is None else f'{limit // MB} MB'}; workers need {needs.min // MB} to "
        f"{needs.max // MB} MB, the largest picture {picture // MB} of "
        f"{budget.limit('pictures') // MB} MB, the largest body {body // MB} of "
        f"{budget.limit('bodies') // MB} MB"
    )
    small = picture > budget.limit("pictures") or body > budget.limit("bodies")
    advice = "raise the limit (in Docker APP_MEMORY), or lower WORKERS"
    return _judge(
        "memory",
        found,
        (limit is not None and limit < needs.min, "fail", advice),
        (small, "warn", f"{advice}, MAX_MEGAPIXELS or MAX_UPLOAD_MB: what does not fit is refused"),
    )


def _processes(settings: Settings) -> Finding:
    limit = machine.processes()
    threads = 1 + settings.workers * (settings.threads + settings.inference_threads + 8)
    found = f"up to {threads} processes and threads, of {limit or 'any number'}"
    few = limit is not None and limit < threads
    return _judge("processes", found, (few, "fail", "lower THREADS, or raise Docker's pids_limit"))


def _times(settings: Settings) -> Finding:
    deadline, grace = settings.deadline, settings.graceful_timeout
    found = f"responds within {deadline} s, stops within {grace} s"
    advice = f"stopping drops requests: set GRACEFUL_TIMEOUT to {deadline + 5}"
    return _judge("times", found, (grace <= deadline + 1, "warn", advice))


def _api_keys(settings: Settings) -> Finding:
    file = settings.api_keys_file
    return _attempt("api_keys", str(file or "clients need no key"), lambda: ApiKeys(file))


def _tracing(_: Settings) -> Finding:
    return _attempt("tracing", tracing.endpoint() or "no spans are sent", tracing.check)


def _port(settings: Settings) -> Finding:
    finding = _try_port("port", "PORT", settings.host, settings.port)
    local = settings.host in ("localhost", "::1") or settings.host.startswith("127.")
    if finding.level == "ok" and not local and not machine.in_container():
        advice = "clients can bypass NGINX: unset HOST"
        return finding._replace(level="warn", advice=advice)
    return finding


def _try_port(subject: str, setting: str, host: str, port: int) -> Finding:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        if taken and (model := _served(host, port)):
            return Finding("ok", subject, f"{port} is this server's, which serves {model}")
        why = f"taken by {machine.listener(port)}" if taken else error.strerror
        return Finding("fail", subject, f"{host}:{port}: {why}", f"set {setting} to another")
    return Finding("ok", subject, f"{host}:{port} is free")


def _served(host: str, port: int) -> str | None:
    """Return the name of the model that a server of ours on this port says it has."""
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    connection = http.client.HTTPConnection(reached, port, timeout=2)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().headers.get("X-Model")
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


MACHINE = (_versions, _cpu, _heartbeats, _nginx, _nginx_port)
SERVER = (
    _model, _precision, _workers, _memory, _processes, _files, _times, _api_keys, _port, _tracing,
)  # fmt: skip
