"""MLServer: a custom runtime. https://docs.seldon.ai/mlserver/user-guide/custom."""

from mlserver import MLModel
from mlserver.codecs import Base64Codec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse

from benchmarks.peers import engine


class Classifier(MLModel):
    """Takes pictures as base64 in JSON: its protocol has no other way to send bytes."""

    async def load(self) -> bool:
        """Load the model, once a worker."""
        self.model = engine.load()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Classify the first tensor, of one picture or a batch."""
        pictures = [self.model.decode(data) for data in Base64Codec.decode_input(payload.inputs[0])]
        labels = self.model.infer(pictures)
        return InferenceResponse(
            model_name=self.name, outputs=[StringCodec.encode_output("labels", labels)]
        )
