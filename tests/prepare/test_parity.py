"""A prepared model answers as transformers does with the original."""

import tarfile
from collections.abc import Iterator
from dataclasses import replace
from itertools import batched
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from numpy.typing import NDArray

from inference_app import image, prepared
from inference_app.config import BUNDLED_MODEL, Settings
from inference_app.engine import Engine
from inference_app.prepare import prepare_model
from tests.conftest import SAMPLES, SHARED
from tests.prepare.conftest import MEAN, STD
