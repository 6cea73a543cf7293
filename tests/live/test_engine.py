"""The engine: many sessions at once are each as if alone; decisions go before plans."""

import asyncio

import numpy as np
import pytest

from gapt.live.context import ROWS, Context, Step, decide
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
    """Models, lookaheads, commitments and lengths mixed; twice as many as a bank has rows for."""
    models = list(offer.models)
    wishes = [
        {"model": models[seed % len(models)], "lookahead": 4 + seed % 9, "commit": 1 + seed % 3}
        for seed in range(2 * ROWS)
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

    together = asyncio.run(crowd(range(2 * ROWS)))
    for seed in (0, 5, 11):
        assert asyncio.run(crowd([seed]))[seed] == together[seed]


def test_a_decision_goes_before_plans_and_is_made_once(offer):
    """One worker; plans wait in line; somebody whose plan is in work and in line plays on."""

    async def play():
        engine = Engine(threads=1)
        players = [Player(engine, Session(hello(seed, lookahead=64), offer)) for seed in range(24)]
        for player in players:
            player.seat.say = player.said.put_nowait
            engine.join(player.seat)
        for player in players:
            await player.until(lambda message: isinstance(message, Ready))
        behind = [player.seat.session.accompanist.due is not None for player in players]
        assert sum(behind) > 16, "there are plans to make"
        for frame in range(3):
            for player in players:
                engine.receive(player.seat, Melody(frame, (State(60 + frame, True),)))
            for player in players:
                answer = await player.until(lambda message: isinstance(message, Plan))
                while answer.frame != frame:
                    answer = await player.until(lambda message: isinstance(message, Plan))
                assert answer.committed == frame + 2
        assert all(player.seat.session.accompanist.late == 0 for player in players)

    asyncio.run(play())


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
        bad.seat.session.accompanist._context.go_on = None  # it cannot remember
        bad.seat.say = bad.said.put_nowait
        engine.join(bad.seat)
        with pytest.raises(ProtocolError, match="model failed") as failed:
            await bad.until(lambda message: False)
        assert failed.value.code == 1011
        assert len(await good.play(tune(0, 8))) == 9

    asyncio.run(play())
    assert "a model step failed" in caplog.text


def test_a_bank_steps_those_who_ask_and_leaves_the_others_alone(model):
    """Rows between them are computed, too, from whatever is there; nobody can tell."""
    policy = load_model(model)
    alone, crowd = Context(policy), [Context(policy) for _ in range(2 * ROWS)]
    bank = [context for context in crowd if context.bank is crowd[-1].bank]
    asks = bank[0], bank[len(bank) // 2], bank[-1]
    for frame in range(policy.reach + 3):
        rng = np.random.default_rng(frame)
        heard = MELODY.on(int(rng.integers(128))), CHORDS.on(int(rng.integers(660)))
        others = [Step(context, *heard, imagined=False) for context in bank if context not in asks]
        decide(others[frame % 2 :: 2])
        expected = decide([Step(alone, *heard, imagined=False)])
        actual = decide([Step(context, *heard, imagined=False) for context in asks])
        for mine, theirs in zip(expected, actual, strict=True):
            np.testing.assert_allclose(np.broadcast_to(mine, theirs.shape), theirs, atol=1e-4)


def test_rows_of_those_who_left_are_taken_again(model):
    policy = load_model(model)
    keeps = [Context(policy) for _ in range(ROWS)]
    banks = {context.bank for context in keeps}
    for _ in range(5 * ROWS):
        banks.add(Context(policy).bank)
    assert len(banks) <= 3, "ROWS who stay, and one who comes and goes"
    places = {(context.bank, context.row) for context in keeps}
    assert len(places) == ROWS, "nobody shares a row"


def test_a_row_tells_nothing_of_who_was_there_before(model):
    policy = load_model(model)

    def begin():
        context = Context(policy)
        pitches = [60 + frame % 12 for frame in range(policy.reach // 2)]
        heard = [decide([Step(context, MELODY.on(p), CHORDS.on(7), False)])[0] for p in pitches]
        return (context.bank, context.row), heard

    place, first = begin()
    again, second = begin()
    assert place == again
    np.testing.assert_array_equal(first, second)


def test_taking_back_what_was_imagined_leaves_no_trace(model):
    """Far enough that the ring has wrapped and imagined frames overwrite frames within reach."""
    policy = load_model(model)
    rng = np.random.default_rng(0)
    straight, wandering = Context(policy), Context(policy)

    def step(context, frame, imagined, seed):
        random = np.random.default_rng([frame, seed])
        melody = MELODY.on(int(random.integers(0, 128)))
        chord = CHORDS.on(int(random.integers(0, 660)))
        return decide([Step(context, melody, chord, imagined)])

    for frame in range(policy.reach + 40):
        expected = step(straight, frame, imagined=False, seed=0)
        wanders = rng.random() < 0.3
        if wanders:
            for ahead in range(frame, frame + int(rng.integers(3, 20))):
                step(wandering, ahead, imagined=True, seed=1)
            wandering.rewind(frame)
        came_true = wanders and rng.random() < 0.5
        actual = step(wandering, frame, imagined=came_true, seed=0)
        if came_true:
            wandering.confirm(frame)
        np.testing.assert_array_equal(expected[0], actual[0])
    np.testing.assert_array_equal(straight.keys, wandering.keys)
    np.testing.assert_array_equal(straight.values, wandering.values)
