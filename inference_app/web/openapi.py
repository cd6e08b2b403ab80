"""The API's description, at /openapi.json; /docs shows it."""

from dataclasses import asdict
from functools import cache
from pathlib import Path
from string import Template
from typing import Any

import yaml
from flask import Blueprint, Response, jsonify

from inference_app.config import Settings
from inference_app.version import __version__
from inference_app.web.state import current_state

bp = Blueprint("openapi", __name__)

DESCRIPTION = Path(__file__).with_name("openapi.yaml")


@bp.get("/openapi.json")
def description() -> Response:
    """Return the description of this server, with its limits."""
    return jsonify(describe(current_state().settings))


@cache
def describe(settings: Settings) -> dict[str, Any]:
    """Return the OpenAPI document for a server with these settings."""
    values = {name.upper(): value for name, value in asdict(settings).items()}
    formats = ", ".join(settings.picture_formats)
    text = Template(DESCRIPTION.read_text("utf-8")).safe_substitute(
        values, VERSION=__version__, PICTURE_FORMATS=formats
    )
    document: dict[str, Any] = yaml.safe_load(text)
    if settings.api_keys_file:
        document["security"].remove({})  # which says that one may do without
    return document
