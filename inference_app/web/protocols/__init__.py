"""Other servers' protocols, for the clients that people have already.

Each is a module with a blueprint: an adapter of `journey.classify`, with its own shape of errors.
"""

from collections.abc import Iterable
from importlib import import_module

from flask import Blueprint


def blueprints(names: Iterable[str]) -> list[Blueprint]:
    """Return the blueprints of protocols, out of `config.KNOWN_PROTOCOLS`; import no others."""
    return [import_module(f"{__name__}.{name}").bp for name in names]
