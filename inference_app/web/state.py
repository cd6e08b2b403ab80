"""What the app holds for all its requests, as one typed object."""

from dataclasses import dataclass

from flask import Flask, current_app

from inference_app.config import Settings
from inference_app.errors import NotReady, UnknownModel
from inference_app.model.classifier import Classifier
from inference_app.web.admission import Admission
from inference_app.web.api_keys import ApiKeys

_KEY = "inference_app"


@dataclass
class State:
    """The parts that requests share; `classifier` is None until it is loaded."""

    settings: Settings
    api_keys: ApiKeys
    admission: Admission
    classifier: Classifier | None = None

    def attach(self, app: Flask) -> None:
        """Make this the state of `app`."""
        app.extensions[_KEY] = self

    def ready_classifier(self, name: str | None = None) -> Classifier:
        """Return the classifier; `name` is the model that the client asks for, if it says so.

        Raises NotReady before it is loaded, and UnknownModel if it has another name.
        """
        if self.classifier is None:
            raise NotReady("The model is still loading. Try again in a moment.")
        served = self.classifier.model.name
        if name not in (None, served):
            raise UnknownModel(name, served)
        return self.classifier


def state_of(app: Flask) -> State:
    """Return the state of an app that `create_app` made."""
    state: State = app.extensions[_KEY]
    return state


def current_state() -> State:
    """Return the state of the app that handles the current request."""
    return state_of(current_app)
