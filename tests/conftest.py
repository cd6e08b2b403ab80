"""What tests share: pictures, a bundled classifier, an app."""

import io
import os
import shutil
from collections.abc import Generator
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image

from inference_app.app import create_app
from inference_app.config import BUNDLED_MODEL, Settings
from inference_app.model.classifier import Classifier
from inference_app.telemetry import metrics

REPO = Path(__file__).parent.parent
SAMPLES = REPO / "post_request" / "images"
ESPRESSO = SAMPLES / "espresso.jpg"

# Real photos, which the repository does not hold; tests have a smaller form without them.
SHARED = REPO.parent / "shared"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--no-skips", action="store_true", help="a test that is skipped counts as failed"
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and item.config.getoption("--no-skips") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, but --no-skips was given: {report.longrepr}"
    return report


@pytest.fixture(autouse=True)
def _no_settings_of_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {row.name.upper() for row in fields(Settings)}
    for name in list(os.environ):
        if name in settings or name.startswith("OTEL_"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def settings() -> Settings:
    return Settings()


@pytest.fixture(scope="session")
def classifier(settings: Settings) -> Classifier:
    """Load the bundled model, once."""
    return Classifier.load(settings, metrics.observer())


@pytest.fixture
def app(settings: Settings, classifier: Classifier) -> Flask:
    return create_app(settings, classifier)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture(scope="session")
def espresso() -> bytes:
    """Return a sample picture that the bundled model names rightly."""
    return ESPRESSO.read_bytes()


@pytest.fixture
def model_folder(tmp_path: Path) -> Path:
    """Copy the bundled model to where a test may damage it."""
    return Path(shutil.copytree(BUNDLED_MODEL, tmp_path / "model"))


@pytest.fixture(scope="session")
def photos() -> list[Path]:
    """Return real photos: shared ones where they are, one out of a package otherwise."""
    shared = sorted((SHARED / "photos").glob("*.JPEG"))
    return shared or [Path(str(_in_package("matplotlib", "mpl-data/sample_data/grace_hopper.jpg")))]


def _in_package(package: str, path: str) -> Path:
    from importlib.resources import as_file, files

    with as_file(files(package) / path) as file:
        return file


def encode(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    """Return a picture's bytes in a format that Pillow writes."""
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def gradient(width: int = 320, height: int = 240) -> Image.Image:
    """Draw a picture on which up, down, left and right look different."""
    y, x = np.mgrid[0:height, 0:width]
    levels = np.stack([x * 255 / width, y * 255 / height, (x + y) % 256], axis=-1)
    return Image.fromarray(levels.astype(np.uint8))
