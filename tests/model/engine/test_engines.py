"""What every engine does, with a tiny network."""

import numpy as np
import pytest
from numpy.typing import NDArray

from inference_app.config import Settings
from inference_app.model import prepared
from inference_app.model.classifier import Classifier
from inference_app.model.engine import Engine, load_engine
from inference_app.model.prepared import PreparedModel
from inference_app.timing import Timing
from tests.support.engines import ENGINES, prepare_tiny

Pixels = NDArray[np.uint8]
PICTURES = 4


@pytest.fixture(scope="module", params=ENGINES)
def model(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> PreparedModel:
    return prepared.read(prepare_tiny(request.param, tmp_path_factory.mktemp("tiny"), "bf16"))


@pytest.fixture(scope="module")
def engine(model: PreparedModel) -> Engine:
    return load_engine(model, threads=2)


@pytest.fixture(scope="module")
def pictures(model: PreparedModel) -> Pixels:
    """Make as many pictures of noise, which differ, as one batch takes."""
    shape = (PICTURES, *model.preprocessing.crop, 3)
    pixels = np.random.default_rng(3).integers(0, 256, shape, np.uint8)
    pixels[0] //= 4
    return pixels


def test_the_manifest_chooses_the_engine(model: PreparedModel, engine: Engine) -> None:
    assert type(engine).__name__.lower() == f"{model.engine}engine"


@pytest.mark.parametrize("count", [1, 2, PICTURES])
def test_logits_are_a_number_for_each_class_of_each_picture(
    engine: Engine, model: PreparedModel, pictures: Pixels, count: int
) -> None:
    assert count in engine.batch_sizes
    logits = engine.infer(pictures[:count])
    assert logits.shape == (count, len(model.labels))
    assert logits.dtype == np.float32
    assert np.isfinite(logits).all()


def test_each_picture_has_its_own_logits_whatever_its_batch(
    engine: Engine, pictures: Pixels
) -> None:
    alone = np.concatenate([engine.infer(pictures[at : at + 1]) for at in range(len(pictures))])
    together = engine.infer(pictures)
    assert np.linalg.norm(alone[0] - alone[1]) > 0.1
    # bf16 adds up in another order for another batch size
    np.testing.assert_allclose(together, alone, atol=0.05)


def test_an_answer_stays_when_the_next_is_computed(engine: Engine, pictures: Pixels) -> None:
    first = engine.infer(pictures[:1])
    before = first.copy()
    engine.infer(pictures[1:2])
    np.testing.assert_array_equal(first, before)


def test_pictures_stay_as_they_are(engine: Engine, pictures: Pixels) -> None:
    before = pictures.copy()
    engine.infer(pictures)
    np.testing.assert_array_equal(pictures, before)


def test_a_picture_is_classified(model: PreparedModel, engine: Engine, espresso: bytes) -> None:
    (best,) = Classifier(model, engine, Settings()).infer(espresso, Timing()).top(1)
    assert (best.class_id, best.label) == ("n07920052", "espresso")


def test_it_is_known_how_long_a_picture_takes(engine: Engine) -> None:
    assert 0 < engine.seconds < 60
