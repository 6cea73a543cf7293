"""Which updates teach the discriminator."""

import pytest

from gapt.training.schedule import ALWAYS, TwoPhase


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


def test_the_published_first_phase_is_200_updates_and_the_window_after_it_3():
    """The mean of three passes 1 at 200 (0, 1.6, 1.6) and 201 (1.6, 1.6, 0) alone.

    Of two it would at 200 alone, of four nowhere. Update 199 is the first phase's last.
    """
    rewards = [0.0] * 199 + [1.6] * 2 + [0.0] * 9
    taught = [update for update in range(210) if TwoPhase().learns(update, rewards[: update + 1])]
    assert taught == [*range(4, 200, 5), 200, 201]


def test_always_is_always():
    """-log(1 - D) is above 0, however little."""
    assert all(ALWAYS.learns(update, [1e-6] * (update + 1)) for update in range(10))


@pytest.mark.parametrize(("reward", "learns"), [(0.99, False), (1.01, True)])
def test_the_window_may_begin_short(reward, learns):
    assert TwoPhase(first=0).learns(0, [reward]) is learns
