"""Training on labelled pictures: a new head for a prepared model, without torch, or a network.

torch is imported by `finetuning`, what trains a whole network, and by what only that imports.
"""
