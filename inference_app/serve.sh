#!/bin/sh
# What SageMaker runs: `docker run IMAGE serve`. It wants port 8080, and mounts a model if it has one:
# https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html
set -eu
export PORT=8080
if [ -n "$(ls -A /opt/ml/model 2>/dev/null)" ]; then
  export MODEL_PATH=/opt/ml/model
fi
exec python -m inference_app serve
