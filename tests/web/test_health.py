"""The probes, before and after the model is there."""

import io

import pytest
from flask import Flask

from inference_app.app import create_app
from inference_app.config import Settings
from inference_app.model.classifier import Classifier
from inference_app.web.state import state_of


@pytest.fixture
def loading(settings: Settings) -> Flask:
    """Make an app whose model is not loaded yet."""
    return create_app(settings)


def test_a_process_lives_before_its_model_is_loaded(loading: Flask) -> None:
    response = loading.test_client().get("/livez")
    assert (response.status_code, response.json) == (200, {"status": "alive"})


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/readyz"), ("POST", "/predict"), ("POST", "/"), ("POST", "/upload")],
)
def test_nothing_is_classified_before_the_model_is_loaded(
    loading: Flask, espresso: bytes, method: str, path: str
) -> None:
    form = {"image": (io.BytesIO(espresso), "photo.jpg")}
    response = loading.test_client().open(path, method=method, data=form)
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "1"
    assert response.json is not None
    assert response.json["error"]["type"] == "not_ready"


def test_an_app_is_ready_once_its_model_is_set(loading: Flask, classifier: Classifier) -> None:
    state_of(loading).classifier = classifier
    response = loading.test_client().get("/readyz")
    model = classifier.model
    ready = {"status": "ready", "model": model.name, "model_hash": model.digest}
    assert (response.status_code, response.json) == (200, ready)


@pytest.mark.parametrize("path", ["/", "/livez", "/readyz", "/nothing", "/predict"])
def test_every_response_names_the_model(app: Flask, classifier: Classifier, path: str) -> None:
    headers = app.test_client().get(path).headers
    assert headers["X-Model"] == classifier.model.name
    assert headers["X-Model-Hash"] == classifier.model.digest


@pytest.mark.parametrize("path", ["/", "/livez", "/readyz", "/nothing"])
def test_no_model_is_named_before_it_is_loaded(loading: Flask, path: str) -> None:
    headers = loading.test_client().get(path).headers
    assert not {"X-Model", "X-Model-Hash"} & set(headers.keys())
