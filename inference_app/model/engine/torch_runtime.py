"""torch, whose threads sleep while they wait: the engine imports it from here.

OpenMP's threads spin for others that another process keeps from the CPU: with two workers on two
CPUs a batch took 100 times as long. Read once, when the library is loaded:
https://gcc.gnu.org/onlinedocs/libgomp/OMP_005fWAIT_005fPOLICY.html
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch as torch
