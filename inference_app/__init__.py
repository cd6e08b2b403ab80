"""An image-classification server: Flask in Gunicorn workers, each with a prepared model."""
