"""Settings, read from made-up environments."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from inference_app import config
from inference_app.config import Settings
from inference_app.errors import SettingError

NAMES = [row.name for row in fields(Settings)]


def test_an_empty_environment_means_the_defaults() -> None:
    settings = Settings.from_environment({})
    assert settings == Settings()
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert (settings.model_path / "manifest.json").exists()


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_variable_means_the_default(name: str) -> None:
    assert Settings.from_environment({name.upper(): ""}) == Settings()


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("host", "0.0.0.0", "0.0.0.0"),  # noqa: S104
        ("port", " 5000 ", 5000),
        ("workers", "1", 1),
        ("threads", "256", 256),
        ("inference_threads", "3", 3),
        ("max_upload_mb", "1024", 1024),
        ("max_megapixels", "1", 1),
        ("max_decode_seconds", "600", 600),
        ("max_pictures", "1", 1),
        ("picture_formats", " jpeg, GIF ,", ("JPEG", "GIF")),
        ("graceful_timeout", "3600", 3600),
        ("log_level", "WARNING", "warning"),
    ],
)
def test_a_variable_sets_its_setting(name: str, text: str, value: Any) -> None:
    settings = Settings.from_environment({name.upper(): text, "UNRELATED": "1"})
    assert getattr(settings, name) == value


@pytest.mark.parametrize("text", ["{folder}", "~/model"])
def test_the_model_path_is_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    environ = {"MODEL_PATH": text.format(folder=folder)}
    assert Settings.from_environment(environ).model_path == folder


@pytest.mark.parametrize(
    ("variable", "text", "wanted"),
    [
        ("PORT", "0", "a whole number from 1 to 65535"),
        ("PORT", "65536", "a whole number from 1 to 65535"),
        ("PORT", "80a", "a whole number from 1 to 65535"),
        ("WORKERS", "-1", "a whole number from 1 to 256"),
        ("WORKERS", "2.0", "a whole number from 1 to 256"),
        ("THREADS", " ", "a whole number from 1 to 1024"),
        ("DEADLINE", "601", "a whole number from 1 to 600"),
        ("API_KEYS_FILE", "/nowhere/at/all", "a file that exists"),
        ("INFERENCE_THREADS", "257", "a whole number from 1 to 256"),
        ("MAX_UPLOAD_MB", "0", "a whole number from 1 to 1024"),
        ("MAX_MEGAPIXELS", "1001", "a whole number from 1 to 1000"),
        ("MAX_DECODE_SECONDS", "601", "a whole number from 1 to 600"),
        ("MAX_PICTURES", "none", "a whole number from 1 to 256"),
        ("GRACEFUL_TIMEOUT", "3601", "a whole number from 1 to 3600"),
        ("PICTURE_FORMATS", "JPEG,EPS", "a list out of JPEG,PNG,WEBP,GIF,BMP,TIFF"),
        ("PICTURE_FORMATS", ",", "a list out of JPEG,PNG,WEBP,GIF,BMP,TIFF"),
        ("LOG_LEVEL", "loud", "one of debug, info, warning, error"),
        ("MODEL_PATH", "/nowhere/at/all", "a folder that exists"),
    ],
)
def test_a_bad_value_is_refused(variable: str, text: str, wanted: str) -> None:
    with pytest.raises(SettingError) as refused:
        Settings.from_environment({variable: text})
    assert str(refused.value) == f"{variable} must be {wanted}, not {text!r}"


def test_all_bad_values_are_named_at_once() -> None:
    with pytest.raises(SettingError, match=r"^PORT must be .*; LOG_LEVEL must be [^;]*$"):
        Settings.from_environment({"PORT": "x", "LOG_LEVEL": "x", "WORKERS": "2"})


@pytest.mark.parametrize(("cpus", "workers"), [(1, 2), (2, 2), (5, 5), (64, 8)])
def test_the_cpus_decide_how_many_workers_there_are(
    monkeypatch: pytest.MonkeyPatch, cpus: int, workers: int
) -> None:
    monkeypatch.setattr(config, "available_cpus", lambda: cpus)
    assert Settings().workers == workers


@pytest.mark.parametrize("row", fields(Settings), ids=NAMES)
def test_every_setting_has_help_of_one_line(row: Any) -> None:
    assert row.metadata["help"].endswith(".")
    assert "\n" not in row.metadata["help"]
