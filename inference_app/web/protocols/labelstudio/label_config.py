"""A project's label config: which choices it has, and which of the model's classes they are."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as ET

import msgspec

from inference_app.errors import BadRequest, TooLarge
from inference_app.model.classifier import Answer
from inference_app.model.prepared import Label

MAX_LENGTH = 200_000  # characters: 1,000 choices have 50,000


@dataclass(frozen=True)
class LabelConfig:
    """The first choices that are made of a picture.

    `key` is the picture's in a task's data. `choices` is by the name that is looked for, and holds
    what an annotation has.
    """

    from_name: str
    to_name: str
    key: str
    choices: Mapping[str, str]

    @classmethod
    def of_json(cls, text: bytes) -> "LabelConfig":
        """Read it out of a JSON string; raises as `parse` does, and msgspec's ValidationError."""
        if len(text) > 6 * MAX_LENGTH:  # an escape has 6 bytes; a long one is not even decoded
            raise TooLarge(f"The label config has more than {MAX_LENGTH} characters.")
        return cls.parse(msgspec.json.decode(text, type=str))

    @classmethod
    def parse(cls, text: str) -> "LabelConfig":
        """Read it out of its XML; raises BadRequest or TooLarge."""
        root = _parse(text)
        values = {each.get("name", ""): each.get("value", "") for each in root.iter("Image")}
        for tag in root.iter("Choices"):
            image = tag.get("toName", "")
            if values.get(image, "").startswith("$"):
                choices = dict(_named(each) for each in tag.iter("Choice"))
                return cls(tag.get("name", ""), image, values[image][1:], choices)
        raise BadRequest("The label config has no Choices for an Image whose value begins with $.")

    def match(self, labels: Sequence[Label]) -> dict[int, str]:
        """Return the choice for each class that has one; raises BadRequest if none has.

        A choice is a class by its whole label, by one of the names in it, or by its id.
        """
        found = {index: choice for index, label in enumerate(labels) if (choice := self._of(label))}
        if not found:
            asked = ", ".join(self.choices.values())[:100] or "none"
            raise BadRequest(f"No choice is a class of this model (see /labels); choices: {asked}.")
        return found

    def choose(self, answer: Answer) -> tuple[dict[str, Any], float]:
        """Return the likeliest choice, as an annotation's result, and its score."""
        choices, scores = self.match(answer.model.labels), answer.scores
        best = max(choices, key=lambda index: float(scores[index]))
        value = {"choices": [choices[best]]}
        names = {"from_name": self.from_name, "to_name": self.to_name}
        return names | {"type": "choices", "value": value}, float(scores[best])

    def _of(self, label: Label) -> str | None:
        names = (_plain(each) for each in (label.label, *label.label.split(","), label.class_id))
        return next((self.choices[name] for name in names if name in self.choices), None)


def _named(choice: ET.Element) -> tuple[str, str]:
    """Return the name to look for, and what an annotation holds: the alias, if there is one."""
    value = choice.get("value", "")
    return _plain(value), choice.get("alias", value)


def _plain(name: str) -> str:
    return " ".join(name.replace("_", " ").split()).casefold()


def _parse(text: str) -> ET.Element:
    """Parse XML that declares nothing: no entities, which could grow, nor other documents."""
    if len(text) > MAX_LENGTH:
        raise TooLarge(f"The label config has more than {MAX_LENGTH} characters.")
    if re.search(r"<!(?!--)", text):
        raise BadRequest("The label config declares a document type: leave that out.")
    try:
        return ET.fromstring(text)  # noqa: S314
    except (ET.ParseError, ValueError) as error:
        raise BadRequest(f"The label config is not XML: {error}.") from None
