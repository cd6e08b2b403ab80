"""From a picture's bytes to labels, with the bundled model."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference_app.config import Settings
from inference_app.errors import DamagedPicture, PreparedModelError
from inference_app.model import image
from inference_app.model.activation import ACTIVATIONS
from inference_app.model.classifier import Classifier, Prediction, most_likely
from inference_app.model.engine.openvino import OpenVinoEngine
from inference_app.model.prepared import Label
from inference_app.timing import Timing
from tests.conftest import SAMPLES

LABELS = [Label("n1", "one, first"), Label("n2", "two"), Label("n3", "three"), Label("n4", "four")]


def scores(*values: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.array(values, np.float32)


def test_the_most_likely_comes_first() -> None:
    ranking = most_likely(scores(0, 0.3, 0.1, 0.2), LABELS, 3)
    assert [each.class_id for each in ranking] == ["n2", "n4", "n3"]


def test_scores_are_as_the_model_says(
    classifier: Classifier, settings: Settings, espresso: bytes
) -> None:
    engine = OpenVinoEngine(classifier.model, 1)
    found = {
        activation: Classifier(
            replace(classifier.model, activation=activation), engine, settings
        ).scores(espresso, Timing())
        for activation in ACTIVATIONS
    }
    assert found["softmax"].sum() == pytest.approx(1, abs=1e-5)
    for activation, compute in ACTIVATIONS.items():
        np.testing.assert_allclose(found[activation], compute(found["none"]), atol=1e-6)


def test_of_equal_classes_the_first_comes_first() -> None:
    assert [each.class_id for each in most_likely(scores(1, 2, 2, 2), LABELS, 2)] == ["n2", "n3"]


def test_there_are_no_more_predictions_than_classes() -> None:
    assert len(most_likely(scores(1, 2, 3, 4), LABELS, 1000)) == 4


def test_a_score_is_a_plain_number() -> None:
    (best,) = most_likely(scores(0, 0, 0, 0), LABELS, 1)
    assert type(best.score) is float
    json.dumps(best.to_json())


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("tabby, tabby cat", "tabby"),
        ("golden retriever", "golden_retriever"),
        ("jack-o'-lantern", "jack-o'-lantern"),
        ("beacon , lighthouse", "beacon"),
    ],
)
def test_a_class_name_is_the_first_name_with_underscores(label: str, name: str) -> None:
    assert Prediction("n1", label, 0.5).class_name == name


def test_a_prediction_in_json_has_six_decimals() -> None:
    assert Prediction("n1", "tabby, tabby cat", 0.123456789).to_json() == {
        "class_id": "n1",
        "label": "tabby, tabby cat",
        "score": 0.123457,
    }


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.[jpw]*g*")), ids=lambda path: path.name)
def test_every_sample_is_named_rightly(classifier: Classifier, path: Path) -> None:
    (best,) = classifier.classify(path.read_bytes(), 1, Timing())
    assert best.class_name == path.stem
    assert best.score > 0.5


def test_decoding_and_inference_are_timed(classifier: Classifier, espresso: bytes) -> None:
    timing = Timing()
    classifier.classify(espresso, 1, timing)
    assert list(timing.stages) == ["queue", "decode", "infer"]


def test_what_decoding_raises_is_passed_on(classifier: Classifier, espresso: bytes) -> None:
    with pytest.raises(DamagedPicture):
        classifier.classify(espresso[:2000], 1, Timing())


def test_the_settings_reach_the_decoder(settings: Settings, espresso: bytes) -> None:
    strict = Classifier.load(replace(settings, picture_formats=("PNG",)))
    with pytest.raises(Exception, match=r"accepted \(PNG\)"):
        strict.classify(espresso, 1, Timing())


def test_a_damaged_model_is_not_loaded(settings: Settings, model_folder: Path) -> None:
    (model_folder / "model.bin").write_bytes(b"")
    with pytest.raises(PreparedModelError, match=r"model\.bin"):
        Classifier.load(replace(settings, model_path=model_folder))


def test_no_more_pictures_are_decoded_at_a_time_than_there_are_cpus_for(
    classifier: Classifier, settings: Settings, espresso: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once, most, lock = 0, 0, threading.Lock()
    decode = image.EncodedImage.decode

    def counting(*arguments: Any) -> Any:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        time.sleep(0.01)  # so that they would overlap
        try:
            return decode(*arguments)
        finally:
            with lock:
                at_once -= 1

    monkeypatch.setattr(image.EncodedImage, "decode", counting)
    monkeypatch.setattr("inference_app.model.decoders.available_cpus", lambda: 4)
    few = Classifier(
        classifier.model, OpenVinoEngine(classifier.model, 1), replace(settings, workers=2)
    )
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: few.classify(espresso, 1, Timing()), range(24)))
    assert most == 2
