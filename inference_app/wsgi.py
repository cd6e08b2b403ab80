"""What Gunicorn serves. The model is loaded later, in each worker: see gunicorn.conf.py."""

from inference_app.app import create_app

app = create_app()
