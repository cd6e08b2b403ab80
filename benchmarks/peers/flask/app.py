"""Flask, the model loaded once a worker. https://flask.palletsprojects.com/patterns/fileuploads/."""

from flask import Flask, request

from benchmarks.peers import engine

app = Flask(__name__)
model = engine.load()


@app.post("/predict")
def predict() -> dict[str, str]:
    """Classify the multipart field `image`."""
    picture = model.decode(request.files["image"].read())
    return {"label": model.infer([picture])[0]}
