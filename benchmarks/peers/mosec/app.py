"""Mosec. https://mosecorg.github.io/mosec/reference/interface.html."""

from typing import Any

from mosec import Server, Worker

from benchmarks.peers import engine


class Classifier(Worker):
    """Takes the picture as the request's body."""

    def __init__(self) -> None:
        super().__init__()
        self.model = engine.load()

    def deserialize(self, data: bytes) -> Any:
        """Decode the picture."""
        return self.model.decode(data)

    def forward(self, data: Any) -> Any:
        """Classify a batch, or one when BATCH is 1."""
        labels = self.model.infer(data if engine.BATCH > 1 else [data])
        responses = [{"label": label} for label in labels]
        return responses if engine.BATCH > 1 else responses[0]


if __name__ == "__main__":
    server = Server()
    wait = engine.BATCH_WAIT_MS if engine.BATCH > 1 else 0
    server.append_worker(
        Classifier, num=engine.WORKERS, max_batch_size=engine.BATCH, max_wait_time=wait
    )
    server.run()
