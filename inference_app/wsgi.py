"""The app for WSGI servers: `inference_app.wsgi:app`.

`serve` runs Gunicorn with pool/gunicorn.conf.py, which loads the model before a worker accepts its
first connection. Under any other server or configuration the first request loads it: a server may
fork after it has imported this module, and OpenVINO's threads do not survive that.
"""

import threading

from inference_app.app import create_app
from inference_app.model.classifier import Classifier
from inference_app.telemetry import metrics
from inference_app.web.state import state_of

app = create_app()
_state = state_of(app)
_loading = threading.Lock()


@app.before_request
def load_model() -> None:
    """Load the model unless this process has it."""
    if _state.classifier is not None:
        return
    with _loading:
        if _state.classifier is None:  # another request may have loaded it meanwhile
            _state.classifier = Classifier.load(_state.settings, metrics.observer())
            metrics.worker_ready(_state.classifier.model, _state.admission.limit)
