"""What the live tests play with: a model, and a running server."""

import pytest
from jam_process import jam_at

from gapt.live.models import DEFAULT_MODEL
from gapt.live.server import make_offer
from gapt.weights import shipped_models


@pytest.fixture(scope="session")
def model_name(request):
    """What `--model` is given: the shipped model, or the path of an untrained one."""
    if DEFAULT_MODEL in shipped_models():
        return DEFAULT_MODEL
    return str(request.getfixturevalue("model"))


@pytest.fixture(scope="session")
def offer(model_name):
    return make_offer(model_name, temperature=1.0)


@pytest.fixture(scope="session")
def jam(model_name):
    """The URL of a running `gapt jam`."""
    with jam_at(model_name) as (_, url):
        yield url
