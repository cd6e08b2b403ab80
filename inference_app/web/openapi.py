"""The API's description, at /openapi.json, and a page to read and try it, at /docs.

The page is Swagger UI out of the package flask-swagger-ui, of which only two files are served.
"""

from dataclasses import asdict
from functools import cache
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

import yaml
from flask import Blueprint, Response, abort, jsonify, send_file

from inference_app.config import Settings
from inference_app.version import __version__
from inference_app.web.state import current_state

bp = Blueprint("openapi", __name__)

DESCRIPTION = Path(__file__).with_name("openapi.yaml")
OURS = Path(__file__).with_name("swagger")
SWAGGER_UI = Path(str(files("flask_swagger_ui"))) / "dist"
ASSETS = {
    "start.js": OURS / "start.js",
    "swagger-ui-bundle.js": SWAGGER_UI / "swagger-ui-bundle.js",
    "swagger-ui.css": SWAGGER_UI / "swagger-ui.css",
}

# Its own files and this server's answers, and pictures that the style sheet holds itself (data:).
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@bp.get("/openapi.json")
def description() -> Response:
    """Return the description of this server, with its limits."""
    return jsonify(describe(current_state().settings))


@bp.get("/docs")
def page() -> Response:
    """Return the page."""
    answer = send_file(OURS / "index.html")
    answer.headers["Content-Security-Policy"] = PAGE_POLICY
    return answer


@bp.get("/docs/<name>")
def asset(name: str) -> Response:
    """Return a file of the page's; browsers keep it, and ask whether it is still the same."""
    if name not in ASSETS:
        abort(404)
    return send_file(ASSETS[name])


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
