"""Settings: one table, read from the environment at start, where a bad value is refused.

The environment variable of a setting is its name in capitals. The table is the class body of
`Settings`: name, type, default, help and range, a line or three each.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from inference_app.cpus import available_cpus
from inference_app.errors import SettingError

BUNDLED_MODEL = Path(__file__).parent / "bundled"
KNOWN_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
# Other servers' protocols, each a module of web/protocols/.
KNOWN_PROTOCOLS = (
    "huggingface",
    "kserve",
    "labelstudio",
    "photoprism",
    "sagemaker",
    "torchserve",
    "vertex",
)


def int_range(min_: int, max_: int) -> Callable[[str], int]:
    """Return a parser of whole numbers from `min_` to `max_`; it raises ValueError."""

    def parse(text: str) -> int:
        if not (text.strip().isdecimal() and min_ <= int(text) <= max_):
            raise ValueError(f"a whole number from {min_} to {max_}")
        return int(text)

    return parse


def folder(text: str) -> Path:
    """Parse the path of a folder; it raises ValueError if there is none."""
    path = Path(text).expanduser()
    if not path.is_dir():
        raise ValueError("a folder that exists")
    return path


def file(text: str) -> Path:
    """Parse the path of a file; it raises ValueError if there is none."""
    path = Path(text).expanduser()
    if not path.is_file():
        raise ValueError("a file that exists")
    return path


def formats(text: str) -> tuple[str, ...]:
    """Parse a comma-separated list of picture formats; it raises ValueError for unknown ones."""
    names = tuple(name.strip().upper() for name in text.split(",") if name.strip())
    if not names or not set(names) <= set(KNOWN_FORMATS):
        raise ValueError("a list out of " + ",".join(KNOWN_FORMATS))
    return names


def protocols(text: str) -> tuple[str, ...]:
    """Parse a comma-separated list of protocols, or none; it raises ValueError for unknown ones."""
    names = tuple(name.strip().lower() for name in text.split(",") if name.strip())
    if names == ("none",):
        return ()
    if not names or not set(names) <= set(KNOWN_PROTOCOLS):
        raise ValueError("none, or a list out of " + ",".join(KNOWN_PROTOCOLS))
    return names


def route(text: str) -> str:
    """Parse the path of a route; it raises ValueError for what Flask would take for a pattern."""
    if not text.startswith("/") or set(text) & set("<>?#"):
        raise ValueError("a path that begins with / and has none of <>?#")
    return text


def address(text: str) -> str:
    """Parse the URL of a server; it raises ValueError."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise ValueError("a URL such as http://host:8080")
    return text.rstrip("/") + "/"


def choice(*names: str) -> Callable[[str], str]:
    """Return a parser of one of these names, in any case; it raises ValueError."""

    def parse(text: str) -> str:
        if text.lower() not in names:
            raise ValueError("one of " + ", ".join(names))
        return text.lower()

    return parse


def _setting(
    default: Any,
    parse: Callable[[str], Any],
    help: str,  # noqa: A002
    before: str = "",
) -> Any:
    """Declare one row of the table; a callable `default` is called when the settings are made.

    `before` is a platform's own variable for it, which goes before ours.
    """
    metadata = {"parse": parse, "help": help, "before": before}
    if callable(default):
        return field(default_factory=default, metadata=metadata)
    return field(default=default, metadata=metadata)


def _default_workers() -> int:
    """Return at least 2, so that one worker can die while the other answers."""
    return min(max(available_cpus(), 2), 8)


@dataclass(frozen=True)
class Settings:
    """Everything that can be set about the app, with defaults that serve."""

    model_path: Path = _setting(
        BUNDLED_MODEL, folder, "Folder of the prepared model; the bundled one by default."
    )
    host: str = _setting("127.0.0.1", str, "Address that Gunicorn listens on.")
    port: int = _setting(
        8000,
        int_range(1, 65535),
        "Port that Gunicorn listens on; Vertex AI's AIP_HTTP_PORT goes before it.",
        before="AIP_HTTP_PORT",
    )
    workers: int = _setting(
        _default_workers,
        int_range(1, 256),
        "Worker processes, each with a copy of the model. Default: the CPUs it may use, 2 to 8.",
    )
    threads: int = _setting(
        128,
        int_range(1, 1024),
        "Requests that one worker handles at a time: three quarters may wait for an answer, the "
        "rest are refused or are health checks.",
    )
    deadline: int = _setting(
        10,
        int_range(1, 600),
        "Seconds to answer a request, or it gets a 504; one that would wait half of them gets a "
        "503.",
    )
    inference_threads: int = _setting(
        available_cpus,
        int_range(1, 256),
        "CPU threads that one worker's model runs on. Default: the CPUs it may use.",
    )
    max_upload_mb: int = _setting(
        32, int_range(1, 1024), "Largest request body, in MB; NGINX and the app both refuse more."
    )
    max_megapixels: int = _setting(
        50, int_range(1, 1000), "Largest picture, in millions of pixels: bounds memory."
    )
    max_decode_seconds: int = _setting(
        2,
        int_range(1, 600),
        "CPU seconds that decoding one picture may take; more on a slow machine.",
    )
    max_pictures: int = _setting(16, int_range(1, 256), "Most pictures in one request.")
    picture_formats: tuple[str, ...] = _setting(
        KNOWN_FORMATS,
        formats,
        "Formats accepted. Default: all of " + ",".join(KNOWN_FORMATS) + ".",
    )
    protocols: tuple[str, ...] = _setting(
        KNOWN_PROTOCOLS,
        protocols,
        "Other servers' protocols that are spoken, or none. Default: all of "
        + ",".join(KNOWN_PROTOCOLS)
        + ".",
    )
    aip_health_route: str = _setting(
        "/vertex/health", route, "Path that Vertex AI asks for health; it sets this itself."
    )
    aip_predict_route: str = _setting(
        "/vertex/predict", route, "Path that Vertex AI sends pictures to; it sets this itself."
    )
    label_studio_url: str | None = _setting(
        None, address, "Label Studio, whose tasks' pictures are fetched; without it, none are."
    )
    label_studio_api_key_file: Path | None = _setting(
        None, file, "File of the access token that Label Studio wants for its pictures."
    )
    api_keys_file: Path | None = _setting(
        None, file, "File of API keys, one on each line; without it, no key is needed."
    )
    graceful_timeout: int = _setting(
        25,
        int_range(1, 3600),
        "Seconds that requests in flight get to finish when a worker is stopped.",
    )
    log_level: str = _setting(
        "info", choice("debug", "info", "warning", "error"), "What is logged: this and worse."
    )
    log_format: str = _setting(
        "auto",
        choice("auto", "json", "text"),
        "How it is logged; auto is text on a terminal, and JSON elsewhere.",
    )

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """Read every setting from its variable; an empty variable means the default.

        Raises SettingError, which names all the bad ones at once.
        """
        values, complaints = {}, []
        for row in fields(cls):
            name = row.name.upper()
            if environ.get(row.metadata["before"]):
                name = row.metadata["before"]
            text = environ.get(name, "")
            if text:
                try:
                    values[row.name] = row.metadata["parse"](text)
                except ValueError as wanted:
                    complaints.append(f"{name} must be {wanted}, not {text!r}")
        if complaints:
            raise SettingError("; ".join(complaints))
        return cls(**values)
