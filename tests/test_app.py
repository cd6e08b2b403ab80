"""The app factory, and what may be imported to serve."""

import subprocess
import sys
from dataclasses import replace

import pytest
from flask import Flask

from inference_app.app import create_app
from inference_app.config import Settings
from inference_app.errors import SettingError
from inference_app.model.classifier import Classifier
from inference_app.web.state import state_of
from tests.conftest import ESPRESSO, REPO

SERVE = f"""
import sys
from pathlib import Path
from inference_app.wsgi import app
from inference_app.model.classifier import Classifier
from inference_app.web.state import state_of
state = state_of(app)
state.classifier = Classifier.load(state.settings)
answer = app.test_client().post("/predict", data=Path({str(ESPRESSO)!r}).read_bytes())
assert answer.status_code == 200, answer.text
print(sorted({{"torch", "transformers", "torchvision", "timm"}} & set(sys.modules)))
"""


def test_settings_and_model_can_be_given(settings: Settings, classifier: Classifier) -> None:
    app = create_app(settings, classifier)
    assert state_of(app).settings is settings
    assert state_of(app).classifier is classifier


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_UPLOAD_MB", "3")
    app = create_app()
    assert state_of(app).settings.max_upload_mb == 3
    assert app.config["MAX_CONTENT_LENGTH"] == 3 * 1024 * 1024
    assert state_of(app).classifier is None


def test_a_bad_environment_makes_no_app(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_UPLOAD_MB", "much")
    with pytest.raises(SettingError, match="MAX_UPLOAD_MB"):
        create_app()


def test_keys_are_answered_in_their_own_order(app: Flask, espresso: bytes) -> None:
    text = app.test_client().post("/predict", data=espresso).text
    assert text.index("success") < text.index("response") < text.index("body")


def test_these_are_our_own_routes(settings: Settings) -> None:
    app = create_app(replace(settings, protocols=()))
    assert {rule.rule for rule in app.url_map.iter_rules()} == {
        "/",
        "/predict",
        "/upload",
        "/livez",
        "/readyz",
        "/openapi.json",
        "/docs",
        "/docs/<name>",
        "/metrics",
        "/page/<path:name>",
        "/labels",
    }


def test_serving_imports_nothing_of_what_preparing_needs() -> None:
    environment = {"PYTHONPATH": str(REPO)}
    done = subprocess.run(
        [sys.executable, "-c", SERVE], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.stderr, done.stdout.strip()) == ("", "[]")
