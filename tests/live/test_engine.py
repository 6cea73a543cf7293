"""The engine: many sessions at once are each as if alone; decisions go before plans."""

import asyncio
import threading

import numpy as np
import pytest

from gapt.live.accompanist import advance
from gapt.live.context import Context, Step, decide
from gapt.live.engine import Engine, Seat
from gapt.live.models import load_model
from gapt.live.protocol import VERSION, Hello, Melody, Plan, ProtocolError, Ready, Set, State
from gapt.live.session import Session
from gapt.music.frames import CHORDS, MELODY


def tune(seed, frames):
    rng = np.random.default_rng(seed)
    return [int(pitch) for pitch in rng.integers(55, 80, frames)]


class Player:
    """Plays a tune as fast as it is answered."""

    def __init__(self, engine, session):
        self.engine = engine
        self.seat = Seat(session)
        self.said = asyncio.Queue()
        self.chords = {}
        self.committed = 0

    async def until(self, wanted):
        while True:
            message = await asyncio.wait_for(self.said.get(), 30)
            if isinstance(message, ProtocolError):
                raise message
            plan = message.plan if isinstance(message, Ready) else message
            if isinstance(plan, Plan):
                self.chords |= {chord.frame: chord for chord in plan.chords}
                self.committed = plan.committed
            if wanted(message):
                return message

    async def play(self, pitches):
        self.seat.say = self.said.put_nowait
        self.engine.join(self.seat)
        await self.until(lambda message: isinstance(message, Ready))
        for frame, pitch in enumerate(pitches):
            self.engine.receive(self.seat, Melody(frame, (State(pitch, True),)))
            await self.until(
                lambda message, frame=frame: isinstance(message, Plan) and message.frame == frame
            )
        self.engine.leave(self.seat)
        return [self.chords[frame] for frame in range(self.committed)]


def hello(seed, **wishes):
    return Hello(VERSION, seed=seed, **wishes)


def test_sessions_in_a_crowd_play_what_they_play_alone(offer):
    """Models, lookaheads, commitments and lengths mixed; twice as many as share a step."""
    models = list(offer.models)
    wishes = [
        {"model": models[seed % len(models)], "lookahead": 4 + seed % 9, "commit": 1 + seed % 3}
        for seed in range(16)
    ]

    async def crowd(seeds):
        engine = Engine()
        players = [Player(engine, Session(hello(seed, **wishes[seed]), offer)) for seed in seeds]
        played = await asyncio.gather(
            *(
                player.play(tune(seed, 12 + 4 * (seed % 5)))
                for seed, player in zip(seeds, players, strict=True)
            )
        )
        return dict(zip(seeds, played, strict=True))

    together = asyncio.run(crowd(range(16)))
    for seed in (0, 5, 11):
        assert asyncio.run(crowd([seed]))[seed] == together[seed]


def test_a_decision_goes_before_plans_and_is_made_once(offer, monkeypatch):
    """One worker; plans wait in line; somebody whose plan is in work and in line plays on."""
    steps, held, go = [], threading.Semaphore(0), threading.Semaphore(0)

    async def play():
        engine = Engine(threads=1)
        players = [Player(engine, Session(hello(seed, lookahead=64), offer)) for seed in range(24)]
        everybody = [player.seat.session.accompanist for player in players]

        def logged(accompanists):
            """Its size, how many decide in it, how many wait to; one with no such is held."""
            deciding, wanting = (
                sum(not accompanist.decided for accompanist in some)
                for some in (accompanists, everybody)
            )
            steps.append((len(accompanists), deciding, wanting - deciding))
            if not wanting:
                held.release()
                go.acquire(timeout=30)
            advance(accompanists)

        monkeypatch.setattr("gapt.live.engine.advance", logged)
        for player in players:
            player.seat.say = player.said.put_nowait
            engine.join(player.seat)
        for player in players:
            await player.until(lambda message: isinstance(message, Ready))
        for frame in range(4):
            assert await asyncio.to_thread(held.acquire, timeout=30)
            assert all(deciding == size for size, deciding, waiting in steps if waiting)
            behind = [accompanist.due is not None for accompanist in everybody]
            assert sum(behind) > 16, "there are plans to make"
            for player in players:
                engine.receive(player.seat, Melody(frame, (State(60 + frame, True),)))
            go.release()
            for player in players:
                answer = await player.until(lambda message: isinstance(message, Plan))
                while answer.frame != frame:
                    answer = await player.until(lambda message: isinstance(message, Plan))
                assert answer.committed == frame + 2
        assert all(accompanist.late == 0 for accompanist in everybody)

    asyncio.run(play())
    go.release()


def test_what_comes_while_a_step_is_made_waits_and_ends_only_its_own_session(offer):
    async def play():
        engine = Engine(threads=2)
        good, bad = (Player(engine, Session(hello(seed), offer)) for seed in range(2))
        for player in (good, bad):
            player.seat.say = player.said.put_nowait
            engine.join(player.seat)
        assert bad.seat.busy
        engine.receive(bad.seat, Set(temperature=0.5))
        engine.receive(bad.seat, Melody(7, (State(60, True),)))
        with pytest.raises(ProtocolError, match="Frame 7 came"):
            await bad.until(lambda message: False)
        await good.until(lambda message: isinstance(message, Ready))
        engine.receive(good.seat, Melody(0, (State(60, True),)))
        await good.until(lambda message: isinstance(message, Plan) and message.frame == 0)

    asyncio.run(play())


def test_a_step_that_fails_ends_its_sessions_only(offer, caplog):
    async def play():
        engine = Engine(threads=1)
        bad, good = (Player(engine, Session(hello(seed), offer)) for seed in range(2))
        bad.seat.session.accompanist._context.write = None  # it cannot remember
        bad.seat.say = bad.said.put_nowait
        engine.join(bad.seat)
        with pytest.raises(ProtocolError, match="model failed") as failed:
            await bad.until(lambda message: False)
        assert failed.value.code == 1011
        assert len(await good.play(tune(0, 8))) == 9

    asyncio.run(play())
    assert "a model step failed" in caplog.text


def test_a_session_that_fails_ends_no_other(offer, caplog, monkeypatch):
    """Sessions whose steps were made together: the first of them breaks when it is settled."""

    async def play():
        engine = Engine(threads=1)
        bad, good = (Player(engine, Session(hello(seed), offer)) for seed in range(2))
        bad.seat.say = bad.said.put_nowait
        engine.join(bad.seat)
        monkeypatch.setattr(bad.seat.session, "news", lambda: 1 / 0)
        assert len(await good.play(tune(0, 8))) == 9
        with pytest.raises(ProtocolError, match="session failed"):
            await bad.until(lambda message: False)

    asyncio.run(play())
    assert "ZeroDivisionError" in caplog.text


def random_step(context, frame, *, imagined=False, seed=0):
    """What a frame is decided from, drawn from its number and a seed."""
    random = np.random.default_rng([frame, seed])
    melody, chord = MELODY.on(int(random.integers(128))), CHORDS.on(int(random.integers(660)))
    chances = tuple(random.random(2))
    return Step(context, melody, chord, imagined, False, (1.0, 1.0), chances)


def test_contexts_that_share_a_step_are_each_as_if_alone(model):
    """However many, and wherever in their sessions they are."""
    policy = load_model(model)
    crowd = [Context(policy) for _ in range(policy.slots + 5)]
    alone = [Context(policy) for _ in crowd]
    rng = np.random.default_rng(0)
    for _ in range(policy.reach + 20):
        some = np.flatnonzero(rng.random(len(crowd)) < 0.8)
        steps = [
            [random_step(who[i], who[i].frame, seed=i) for i in some] for who in (crowd, alone)
        ]
        decide(steps[0])
        for step in steps[1]:
            decide([step])
    for mine, theirs in zip(crowd, alone, strict=True):
        assert mine.frame == theirs.frame
        np.testing.assert_allclose(mine.cache, theirs.cache, atol=0.05)  # it multiplies in 8 bits


def test_a_context_that_begins_in_mid_session_decides_as_one_that_began_it(model):
    """What it has not heard it does not look for, however far it gets."""
    policy = load_model(model)
    early, late = Context(policy), Context(policy, 16)
    for frame in range(policy.reach + 10):
        assert decide([random_step(early, frame)]) == decide([random_step(late, frame)])
    np.testing.assert_array_equal(early.cache, late.cache)


def test_taking_back_what_was_imagined_leaves_no_trace(model):
    """Far enough that the ring has wrapped and imagined frames overwrite frames within reach."""
    policy = load_model(model)
    rng = np.random.default_rng(0)
    straight, wandering = Context(policy), Context(policy)

    for frame in range(policy.reach + 40):
        expected = decide([random_step(straight, frame)])
        wanders = rng.random() < 0.3
        if wanders:
            for ahead in range(frame, frame + int(rng.integers(3, 20))):
                decide([random_step(wandering, ahead, imagined=True, seed=1)])
            wandering.rewind(frame)
        came_true = wanders and rng.random() < 0.5
        actual = decide([random_step(wandering, frame, imagined=came_true)])
        if came_true:
            wandering.confirm(frame)
        assert expected == actual
    np.testing.assert_array_equal(straight.cache, wandering.cache)
