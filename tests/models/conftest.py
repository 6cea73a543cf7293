"""The network that most of these tests play."""

import pytest
import torch

from gapt.models.policy import Policy
from gapt.models.presets import POLICY_PRESETS


@pytest.fixture(scope="module")
def policy():
    """A small one, with other biases toward holding at each place of the beat."""
    torch.manual_seed(0)
    made = Policy(POLICY_PRESETS["tiny"]).eval()
    made.calm[:] = torch.tensor([-1.0, 2.0, 0.5, 3.0])
    made.settle.fill_(1.5)
    return made
