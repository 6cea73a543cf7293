"""What the live tests play with: a model, a running server, and a browser."""

import pytest
from jam_process import jam_at
from page_driver import CHROMIUM, chromium, listen_for_complaints, open_page

from gapt.live.server import make_offer
from gapt.weights import DEFAULT_MODEL, shipped_models


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


@pytest.fixture(scope="module")  # for while it is open, asyncio is taken on this thread
def browser():
    if CHROMIUM is None:
        pytest.skip("no Chromium or Chrome on this machine")
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser, jam):
    """The page, connected and idle; it must not have complained when the test ends."""
    with browser.new_context(viewport={"width": 1280, "height": 800}) as context:
        page = context.new_page()
        complaints = listen_for_complaints(page)
        open_page(page, jam)
        yield page
        assert complaints == []
