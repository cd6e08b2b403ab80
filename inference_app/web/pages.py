"""What browsers get: the page at /, Swagger UI at /docs, and the files of both."""

from functools import cache
from importlib.resources import files
from pathlib import Path

from flask import (
    Blueprint,
    Response,
    abort,
    jsonify,
    render_template,
    request,
    send_from_directory,
)

from inference_app.model import prepared
from inference_app.version import __version__
from inference_app.web.state import current_state

FOLDER = Path(__file__).parent
PAGE = FOLDER / "page"
SWAGGER = FOLDER / "swagger"
SWAGGER_UI = Path(str(files("flask_swagger_ui"))) / "dist"
FROM_SWAGGER_UI = ("swagger-ui-bundle.js", "swagger-ui.css")  # all that is needed of it

# Not left to the machine's own table, which may lack some. What is not here is not served.
TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".webp": "image/webp",
}
SAMPLES = {
    "lighthouse": "beacon.webp",
    "keyboard": "computer_keyboard.webp",
    "espresso": "espresso.webp",
    "flag": "flagpole.webp",
    "jellyfish": "jellyfish.webp",
    "oranges": "orange.webp",
}

# Each document may run, show and request only what comes from this server.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
)
# The page also shows pictures that it holds in memory (blob:). It builds its elements without
# parsing HTML, so that a file's name stays text.
PAGE_POLICY = (
    f"{_POLICY}img-src 'self' blob:; require-trusted-types-for 'script'; trusted-types 'none'"
)
# Swagger UI parses HTML, and its style sheet holds pictures (data:).
DOCS_POLICY = f"{_POLICY}img-src 'self' data:"

bp = Blueprint("pages", __name__, template_folder=".")


def page() -> Response:
    """Return the page, with the limits of this server."""
    settings = current_state().settings
    text = render_template(
        "page/index.html",
        settings=settings,
        version=__version__,
        accept=",".join(f"image/{name.lower()}" for name in settings.picture_formats),
        formats=", ".join(settings.picture_formats).replace("WEBP", "WebP"),
        bundled=is_bundled(settings.model_path),
        modules=_modules(),
        samples=SAMPLES,
    )
    return _document(text, PAGE_POLICY)


@bp.get("/docs")
def docs() -> Response:
    """Return the page that shows the API's description."""
    return _document(render_template("swagger/index.html"), DOCS_POLICY)


@bp.get("/page/<path:name>")
def page_file(name: str) -> Response:
    """Return one of the page's files."""
    return _file(PAGE, name)


@bp.get("/docs/<name>")
def docs_file(name: str) -> Response:
    """Return one of the files of /docs."""
    return _file(SWAGGER_UI if name in FROM_SWAGGER_UI else SWAGGER, name)


@bp.get("/labels")
def labels() -> Response:
    """Return the model's name, whether it is the bundled one, and its labels by class index."""
    state = current_state()
    state.api_keys.check(request)
    model = state.ready_classifier().model
    labels = [label._asdict() for label in model.labels]
    return _revalidated(jsonify(model=model.name, bundled=model.is_bundled, labels=labels))


@cache
def is_bundled(folder: Path) -> bool:
    """Tell it without the model, which may still be loading."""
    return prepared.is_bundled(prepared.read_manifest(folder))


@cache
def _modules() -> list[str]:
    """Return the page's modules, which browsers shall fetch at once."""
    return sorted(path.name for path in PAGE.glob("*.js") if path.name != "main.js")


def _document(text: str, policy: str) -> Response:
    response = _revalidated(Response(text, mimetype="text/html"))
    response.headers["Content-Security-Policy"] = policy
    return response


def _file(folder: Path, name: str) -> Response:
    """Send a file by its ETag; raises NotFound for what is outside the folder, or no such file."""
    mimetype = TYPES.get(Path(name).suffix)
    if mimetype is None:
        abort(404)
    return send_from_directory(folder, name, mimetype=mimetype)


def _revalidated(response: Response) -> Response:
    """Let browsers keep a response, and ask each time whether it has changed."""
    response.headers["Cache-Control"] = "no-cache"
    response.add_etag()
    response.make_conditional(request)
    return response
