"""HTTP: routes, uploads, admission, responses. Knows `model` and `telemetry`."""
