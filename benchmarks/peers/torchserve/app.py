"""Starts TorchServe. https://docs.pytorch.org/serve/configuration.html."""

import json
import os
import shutil
import sys
from pathlib import Path

from benchmarks.peers import engine

MANIFEST = {"runtime": "python", "model": {"modelName": "resnet", "handler": "handler.py"}}
MODEL = {
    "defaultVersion": True,
    "marName": "resnet",
    "minWorkers": engine.WORKERS,
    "maxWorkers": engine.WORKERS,
    "batchSize": engine.BATCH,
    "maxBatchDelay": engine.BATCH_WAIT_MS,
    "responseTimeout": 120,
}


def write_store(store: Path) -> None:
    """Write the model's folder, as torch-model-archiver --archive-format no-archive does."""
    model = store / "resnet"
    (model / "MAR-INF").mkdir(parents=True)
    manifest = {**MANIFEST, "model": MANIFEST["model"] | {"modelVersion": "1.0"}}
    (model / "MAR-INF/MANIFEST.json").write_text(json.dumps(manifest))
    shutil.copy(Path(__file__).with_name("handler.py"), model)


def write_config(path: Path, store: Path) -> None:
    """Write config.properties; every port is the loopback's."""
    ports = os.environ["PORTS"].split(",")
    addresses = zip(("inference", "management", "metrics"), ports[:3], strict=True)
    lines = [f"{name}_address=http://127.0.0.1:{port}" for name, port in addresses]
    lines += [f"grpc_inference_port={ports[3]}", f"grpc_management_port={ports[4]}"]
    lines += [f"model_store={store}", "load_models=resnet", "disable_token_authorization=true"]
    lines.append("models=" + json.dumps({"resnet": {"1.0": MODEL}}))
    path.write_text("\n".join(lines))


if __name__ == "__main__":
    home = Path(os.environ["HOME"])
    write_store(home / "store")
    write_config(home / "config.properties", home / "store")
    command = ["torchserve", "--start", "--foreground", "--ncs", "--disable-token-auth"]
    command += [
        "--ts-config",
        str(home / "config.properties"),
        "--model-store",
        str(home / "store"),
    ]
    os.execv(str(Path(sys.executable).with_name("torchserve")), command)  # noqa: S606
