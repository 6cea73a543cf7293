"""Short versions of `hostile.py`: what it sends for long is sent for a moment here."""

import asyncio

import numpy as np
from hostile import fire, peace, stretch
from jam_process import jam_at

from gapt.live.protocol import VERSION, Hello
from gapt.live.server import make_offer
from gapt.live.session import Session


def test_hostile_messages_harm_nobody_else(model_name):
    with jam_at(model_name) as (process, url):
        socket = url.replace("http", "ws") + "session"
        said = asyncio.run(fire(socket, 1200))
        alone = asyncio.run(peace(socket))
        common = min(len(said), len(alone))
        assert common >= 64
        assert said[:common] == alone[:common]
        assert process.poll() is None
        process.terminate()
        _, errors = process.communicate()
        assert errors == ""


def test_a_session_keeps_no_more_the_longer_it_lasts(tiny_model):
    """All that a session holds on to is counted while its rings wrap several times."""
    offer = make_offer(str(tiny_model), 1.0)
    session = Session(Hello(VERSION, seed=0, lookahead=2), offer)
    session.accompanist.think()
    session.news()
    rng = np.random.default_rng(0)
    counts = []
    for _ in range(3):
        stretch(session, 1100, rng)
        counts.append((len(session._said), len(session.accompanist._context._overwritten)))
        assert len(session.accompanist.plan) == 2
    assert max(held for count in counts for held in count) <= 4
