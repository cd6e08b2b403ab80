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
from inference_app.errors import DamagedPicture, DeadlinePassed, PreparedModelError
from inference_app.model import image
from inference_app.model.activation import ACTIVATIONS
from inference_app.model.classifier import Answer, Classifier, Observer, Prediction, most_likely
from inference_app.model.deadline import Deadline
from inference_app.model.engine.openvino import OpenVinoEngine
from inference_app.model.prepared import Label
from inference_app.timing import Timing
from tests.conftest import SAMPLES
from tests.model.test_image import png_header

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
        activation: Classifier(replace(classifier.model, activation=activation), engine, settings)
        .infer(espresso, Timing())
        .scores
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
    (best,) = classifier.infer(path.read_bytes(), Timing()).top(1)
    assert best.class_name == path.stem
    assert best.score > 0.5


def test_decoding_and_inference_are_timed(classifier: Classifier, espresso: bytes) -> None:
    timing = Timing()
    classifier.infer(espresso, timing)
    assert list(timing.stages) == ["queue", "decode", "infer"]


def test_what_decoding_raises_is_passed_on(classifier: Classifier, espresso: bytes) -> None:
    with pytest.raises(DamagedPicture):
        classifier.infer(espresso[:2000], Timing())


def test_pixels_are_inferred_as_they_are(classifier: Classifier, espresso: bytes) -> None:
    pixels = image.decode(espresso, classifier.model.preprocessing, Settings())
    decoded = classifier.infer(pixels, Timing())
    assert (decoded.logits == classifier.infer(espresso, Timing()).logits).all()


def test_the_answers_of_several_pictures_are_in_their_order(classifier: Classifier) -> None:
    pictures = [path.read_bytes() for path in sorted(SAMPLES.glob("*.jpg"))] * 3
    answers = classifier.infer_all(pictures, Timing(), Deadline())
    for picture, answer in zip(pictures, answers, strict=True):
        alone = classifier.infer(picture, Timing())
        assert isinstance(answer, Answer)
        np.testing.assert_allclose(answer.logits, alone.logits, atol=0.2)  # batches round in bf16


def test_the_pictures_of_a_request_are_inferred_together(
    classifier: Classifier, settings: Settings, espresso: bytes
) -> None:
    batches: list[int] = []
    observer = Observer(batch_pictures=batches.append)
    engine = OpenVinoEngine(classifier.model, 1)
    together = Classifier(classifier.model, engine, settings, observer)
    together.infer_all([espresso] * 16, Timing(), Deadline())
    assert sum(batches) == 16
    assert max(batches) > 1


def test_the_error_of_one_picture_is_its_own_and_does_not_hold_it(
    classifier: Classifier, espresso: bytes
) -> None:
    answers = classifier.infer_all([espresso, png_header(100, 100)], Timing(), Deadline())
    assert isinstance(answers[0], Answer)
    error = answers[1]
    assert isinstance(error, DamagedPicture)
    assert (error.__traceback__, error.__cause__, error.__context__) == (None, None, None)


def test_an_error_of_the_moment_is_that_of_all_pictures(
    classifier: Classifier, espresso: bytes
) -> None:
    with pytest.raises(DeadlinePassed):
        classifier.infer_all([b"text", espresso, espresso], Timing(), Deadline(0))


def test_the_settings_reach_the_decoder(settings: Settings, espresso: bytes) -> None:
    strict = Classifier.load(replace(settings, picture_formats=("PNG",)))
    with pytest.raises(Exception, match=r"accepted \(PNG\)"):
        strict.infer(espresso, Timing())


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
        list(pool.map(lambda _: few.infer(espresso, Timing()), range(24)))
    assert most == 2
