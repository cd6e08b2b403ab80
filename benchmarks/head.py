"""How right a head is that `train --head` fitted, beside scikit-learn on the same features.

Draws of ten classes of Tiny ImageNet, 20 training pictures of each; the accuracy is that of all
their validation pictures. scikit-learn's is LogisticRegression as it comes, once on the features as
they are and once on standardised ones.
"""

import random
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from benchmarks import machine
from inference_app.config import BUNDLED_MODEL
from inference_app.evaluate.dataset import LabelledPicture, labelled_pictures
from inference_app.evaluate.measures import top_k_accuracy
from inference_app.evaluate.run import Run, load, run
from inference_app.model import prepared
from inference_app.model.runtime import openvino
from inference_app.train import network, training

DATA = Path("../shared/data")
CLASSES, PICTURES, DRAWS = 10, 20, 5


def measure() -> dict[str, Any]:
    """Train and measure on each draw."""
    with tempfile.TemporaryDirectory() as folder:
        for part in ("train", "val"):
            with tarfile.open(DATA / f"tiny-imagenet-{part}.tar.gz") as archive:
                archive.extractall(folder, filter="data")
        draws = [_measure(Path(folder), seed) for seed in range(DRAWS)]
    mean = {name: round(float(np.mean([each[name] for each in draws])), 4) for name in draws[0]}
    return {"machine": machine.facts(), "mean": mean, "draws": draws}


def _measure(folder: Path, seed: int) -> dict[str, float]:
    data = {part: folder / f"{part}-{seed}" for part in ("train", "val")}
    names = sorted(path.name for path in (folder / "train").iterdir())
    for name in random.Random(seed).sample(names, CLASSES):  # noqa: S311 nothing secret
        _link(folder / "train" / name, data["train"] / name, PICTURES)
        _link(folder / "val" / name, data["val"] / name, None)
    start = time.perf_counter()
    _train(data["train"], folder / f"model-{seed}")
    seconds = time.perf_counter() - start
    served = _evaluate(folder / f"model-{seed}", data["val"])
    return {"seconds": round(seconds, 1), "ours": served, **_scikit_learn(data)}


def _link(source: Path, target: Path, count: int | None) -> None:
    target.mkdir(parents=True)
    for file in sorted(source.iterdir())[:count]:
        (target / file.name).symlink_to(file)


def _train(data: Path, output: Path) -> None:
    options = ["--head", "--data", str(data), "--output", str(output)]
    command = [sys.executable, "-m", "inference_app", "train", *options]
    subprocess.run(command, check=True, stdout=sys.stderr)


def _evaluate(model: Path, data: Path) -> float:
    served = prepared.read(model)
    found = run(load(served), labelled_pictures(data, served.labels))
    return top_k_accuracy(found.scores, found.actual, 1)


def _scikit_learn(data: dict[str, Path]) -> dict[str, float]:
    seen, unseen = _features(data["train"]), _features(data["val"])
    regression = LogisticRegression(max_iter=1000)
    return {
        "scikit_learn": _accuracy(make_pipeline(regression), seen, unseen),
        "scikit_learn_standardised": _accuracy(
            make_pipeline(StandardScaler(), regression), seen, unseen
        ),
    }


def _features(data: Path) -> Run:
    base = prepared.read(BUNDLED_MODEL)
    body = network.without_classifier(openvino.Core().read_model(BUNDLED_MODEL / "model.xml"))
    pictures: list[LabelledPicture] = labelled_pictures(data, base.labels)
    return training.features(base, body, pictures)


def _accuracy(pipeline: Pipeline, seen: Run, unseen: Run) -> float:
    with threadpool_limits(1):
        pipeline.fit(seen.scores, seen.actual)
        return float(pipeline.score(unseen.scores, unseen.actual))
