"""The page that browsers get at /: the files beside this module, and the labels that it lists.

The files are read once and answered from memory: no path of a client's reaches the file system.
"""

from pathlib import Path

from flask import Blueprint, Response, abort, jsonify, request

from inference_app.web.state import current_state

FOLDER = Path(__file__).parent
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".webp": "image/webp",
}
FILES = {
    path.relative_to(FOLDER).as_posix(): path.read_bytes()
    for path in sorted(FOLDER.rglob("*"))
    if path.suffix in TYPES
}
DOCUMENT = (FOLDER / "index.html").read_bytes()

# The page may run, show and ask what comes from this server, and show pictures that it holds in
# memory (blob:). It builds its elements without parsing HTML, so that a file's name stays text.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)

bp = Blueprint("page", __name__)


def document() -> Response:
    """Return the page itself, and what it is allowed to do."""
    answer = _kept(Response(DOCUMENT, mimetype="text/html"))
    answer.headers["Content-Security-Policy"] = POLICY
    return answer


@bp.get("/page/<path:name>")
def file(name: str) -> Response:
    """Return one of the page's files."""
    if name not in FILES:
        abort(404)
    return _kept(Response(FILES[name], content_type=TYPES[Path(name).suffix]))


@bp.get("/labels")
def labels() -> Response:
    """Return the model's name and all its labels, by class index."""
    state = current_state()
    state.api_keys.check(request)
    model = state.ready_classifier().model
    return _kept(jsonify(model=model.name, labels=[label._asdict() for label in model.labels]))


def _kept(answer: Response) -> Response:
    """Let browsers keep an answer, and ask each time whether it is still the same."""
    answer.headers["Cache-Control"] = "no-cache"
    answer.add_etag()
    answer.make_conditional(request)
    return answer
