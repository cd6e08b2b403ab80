"""Host the image in SageMaker's local mode: its SDK starts the container, and sends a picture.

Arguments: the image, a folder to mount as model data, a port of this machine, a picture, and a file
to write what is answered to each kind of client.
"""

import base64
import json
import sys
from pathlib import Path

import boto3
from sagemaker.deserializers import JSONDeserializer, JSONLinesDeserializer
from sagemaker.local import LocalSession
from sagemaker.model import Model
from sagemaker.predictor import Predictor
from sagemaker.serializers import DataSerializer, JSONSerializer

image, folder, port, file, results = sys.argv[1:]
picture = Path(file).read_bytes()
session = LocalSession(boto3.Session("none", "none", region_name="us-east-1"))
session.config = {"local": {"local_code": True, "serving_port": int(port)}}
model = Model(
    image_uri=image,
    model_data=f"file://{folder}",
    role="arn:aws:iam::111111111111:role/none",
    predictor_cls=Predictor,
    sagemaker_session=session,
)
predictor = model.deploy(1, "local")
answers = []
try:
    for serializer, deserializer, data in (
        (DataSerializer("image/jpeg"), JSONDeserializer(), picture),
        (JSONSerializer(), JSONDeserializer(), {"inputs": base64.b64encode(picture).decode()}),
        (DataSerializer("application/x-image"), JSONDeserializer(), picture),
        (DataSerializer("application/x-image"), JSONLinesDeserializer(), picture),
    ):
        predictor.serializer, predictor.deserializer = serializer, deserializer
        answers.append(predictor.predict(data))
finally:
    predictor.delete_endpoint()
Path(results).write_text(json.dumps(answers))
