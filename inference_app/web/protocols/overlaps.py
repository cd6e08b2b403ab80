"""Requests that two protocols have a route for, and whose they are."""

from collections.abc import Callable

from flask import Request, current_app, request
from werkzeug.routing import Rule


def _of_root(request: Request) -> str:
    """Tell a client of the older systems, which sends a form, from one of Hugging Face's."""
    return "routes" if request.mimetype == "multipart/form-data" else "huggingface"


# By method and route: the blueprint that a request is for, if it is spoken.
OVERLAPS: dict[str, Callable[[Request], str]] = {
    "POST /": _of_root,
    "POST /predict": lambda _: "vertex",  # which has it only where the platform names it
    "GET /ping": lambda _: "torchserve",  # whose answer is SageMaker's too
}


def settle() -> None:
    """Give a request whose route two protocols have to the one that it is for."""
    owner_of = OVERLAPS.get(f"{request.method} {request.url_rule}")
    if owner_of:
        request.url_rule = _rule_of(owner_of(request), request) or request.url_rule


def _rule_of(blueprint: str, request: Request) -> Rule | None:
    for rule in current_app.url_map.iter_rules():
        same = str(rule) == str(request.url_rule) and request.method in (rule.methods or ())
        if same and rule.endpoint.startswith(f"{blueprint}."):
            return rule
    return None
