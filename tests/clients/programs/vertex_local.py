"""Host the image as Vertex AI's local endpoint: its SDK starts the container, and sends a picture.

Arguments: the image, a picture, and a file to write the response to.
"""

import base64
import json
import sys
from pathlib import Path

from google.cloud.aiplatform.prediction import LocalModel

image, file, results = sys.argv[1:]
model = LocalModel(
    serving_container_image_uri=image,
    serving_container_predict_route="/predict",
    serving_container_health_route="/v1/endpoints/7:health",
    serving_container_ports=[7080],
)
with model.deploy_to_local_endpoint(container_ready_timeout=60) as endpoint:
    assert endpoint.run_health_check().status_code == 200
    instance = {"b64": base64.b64encode(Path(file).read_bytes()).decode()}
    request = {"instances": [instance], "parameters": {"maxPredictions": 2}}
    headers = {"Content-Type": "application/json"}
    response = endpoint.predict(request=json.dumps(request), headers=headers)
Path(results).write_text(response.text)
