"""The network that a training starts from, in Hugging Face format."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import transformers

from inference_app.errors import PrepareError
from inference_app.model.engine.torch import SAFELY
from inference_app.model.prepared import Label
from inference_app.model.preprocessing import Preprocessing
from inference_app.prepare.huggingface import load_processor
from inference_app.prepare.labels import labels_of
from inference_app.prepare.processor import preprocessing_of
from inference_app.prepare.reason import first_line
from inference_app.prepare.source import Source
from inference_app.train.options import Say


@dataclass(frozen=True)
class Start:
    """A model's configuration, and what its image processor does; `labels` are its own classes."""

    source: Source
    config: Any
    preprocessing: Preprocessing
    labels: list[Label]

    @classmethod
    def of(cls, source: Source) -> "Start":
        """Read all but the weights; raises PrepareError."""
        transformers.logging.set_verbosity_error()
        transformers.logging.disable_progress_bar()
        try:
            config = transformers.AutoConfig.from_pretrained(source.path, **SAFELY)
        except Exception as error:
            raise PrepareError(f"{source.id} cannot be loaded: {first_line(error)}") from error
        labels = [Label(**each) for each in labels_of(config)]
        # An id that is a number says nothing of another data set's class.
        labels = [each for each in labels if not each.class_id.isdecimal()]
        return cls(source, config, preprocessing_of(load_processor(source)), labels)

    def network(self, labels: Sequence[Label], from_scratch: bool, say: Say) -> Any:
        """Return the network with these classes: with its weights, or with random ones.

        The last layer is random too where the number of classes differs. Raises PrepareError.
        """
        config = self.config
        config.id2label = {index: each.label for index, each in enumerate(labels)}
        config.label2id = {each.label: index for index, each in enumerate(labels)}
        config.wordnet_ids = [each.class_id for each in labels]  # where `prepare` looks for ids
        config.problem_type = "single_label_classification"
        classifier = transformers.AutoModelForImageClassification
        try:
            if from_scratch:
                return classifier.from_config(config, trust_remote_code=False).float()
            network, loading = classifier.from_pretrained(
                self.source.path,
                config=config,
                use_safetensors=True,
                dtype="float32",
                ignore_mismatched_sizes=True,
                output_loading_info=True,
                **SAFELY,
            )
        except Exception as error:
            raise PrepareError(f"{self.source.id} cannot be loaded: {first_line(error)}") from error
        new = {each[0] for each in loading["mismatched_keys"]} | set(loading["missing_keys"])
        if new:
            say(f"These weights start anew: {', '.join(sorted(new))}")
        return network
