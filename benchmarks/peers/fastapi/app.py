"""FastAPI: a plain `def`, run in its thread pool. https://fastapi.tiangolo.com/async/."""

from fastapi import FastAPI, UploadFile

from benchmarks.peers import engine

app = FastAPI()
model = engine.load()


@app.post("/predict")
def predict(image: UploadFile) -> dict[str, str]:
    """Classify the multipart field `image`."""
    picture = model.decode(image.file.read())
    return {"label": model.infer([picture])[0]}
