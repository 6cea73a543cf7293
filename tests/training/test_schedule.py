"""Which updates teach the discriminator."""

import pytest

from gapt.training.schedule import TwoPhase


def test_which_of_the_first_forty_updates_teach_the_discriminator():
    """First phase: updates 4, 9, 14 and 19. Then a made-up reward falls, and rises twice.

    It is 2.0 up to update 20, 0.5 up to 27, 1.8 at 28 and 29, 0.2 up to 34, and 1.1 from 35 on.
    With a window of 3 and a threshold of 1 the mean passes at 20 (2, 2, 2), 21 (2, 2, 0.5: 1.5)
    and 22 (2, 0.5, 0.5: exactly 1 does not pass); at 28 (0.5, 0.5, 1.8) it is 0.93; at 29
    (0.5, 1.8, 1.8) 1.37; at 30 (1.8, 1.8, 0.2) 1.27; at 31 0.73; at 35 and 36 0.5 and 0.8; from 37
    on 1.1.
    """
    rewards = [2.0] * 21 + [0.5] * 7 + [1.8] * 2 + [0.2] * 5 + [1.1] * 5
    schedule = TwoPhase(first=20, every=5, threshold=1.0, window=3)
    taught = [update for update in range(40) if schedule.learns(update, rewards[: update + 1])]
    assert taught == [4, 9, 14, 19, 20, 21, 29, 30, 37, 38, 39]


def test_the_published_first_phase_has_forty_updates():
    assert sum(TwoPhase().learns(update, [9.0] * (update + 1)) for update in range(200)) == 40


@pytest.mark.parametrize(("reward", "learns"), [(0.99, False), (1.01, True)])
def test_the_window_may_begin_short(reward, learns):
    assert TwoPhase(first=0).learns(0, [reward]) is learns
