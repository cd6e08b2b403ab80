"""What a prepared model gets right on labelled pictures, without HTTP and without torch."""
