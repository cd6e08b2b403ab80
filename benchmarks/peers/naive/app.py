"""The naive baseline: everything is loaded again for every request."""

from flask import Flask, request

from benchmarks.peers import engine

app = Flask(__name__)


@app.post("/predict")
def predict() -> dict[str, str]:
    """Classify the multipart field `image`."""
    model = engine.load()
    picture = model.decode(request.files["image"].read())
    return {"label": model.infer([picture])[0]}
