"""Ask a server on this machine as the SDKs of SageMaker and Vertex AI ask a container of theirs.

Arguments: its port. Prints the status and the body that each is answered, as JSON in a line.
"""

import json
import sys

from google.cloud.aiplatform.prediction import LocalEndpoint
from sagemaker.local.local_session import LocalSagemakerRuntimeClient

port = sys.argv[1]
client = LocalSagemakerRuntimeClient({"local": {"serving_port": int(port)}})
body = client.invoke_endpoint(b"picture", "endpoint", ContentType="image/jpeg")["Body"]
endpoint = LocalEndpoint("image", "", "/vertex/predict", "/vertex/health", host_port=port)
endpoint.container_is_running = True
response = endpoint.predict(request=json.dumps({"instances": []}))
print(json.dumps([[body.status, json.loads(body.data)], [response.status_code, response.json()]]))
