"""From a picture's bytes to its classes, without HTTP: knows config, errors, cpus and timing."""
