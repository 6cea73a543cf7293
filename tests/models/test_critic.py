"""What critics know when they guess: never the decision itself; of the other part, it depends."""

import pytest
import torch

from gapt.models.anchor import Anchor, AnchorConfig
from gapt.models.critic import Critic, ForesightedCritic
from gapt.models.policy import Policy
from gapt.models.presets import POLICY_PRESETS
from gapt.music.frames import CHORDS, MELODY

FRAME = 20


def critic(foresight, part="chords"):
    torch.manual_seed(0)
    if foresight:
        anchor = Anchor(AnchorConfig(transformer=POLICY_PRESETS["tiny"], part=part))
        made = ForesightedCritic(anchor)
    else:
        made = Critic(Policy(POLICY_PRESETS["tiny"]))
    torch.nn.init.normal_(made.value.weight)
    return made.eval()


@torch.no_grad()
def values(judge, *, melody_from=None, chords_from=None):
    """Of the same parts, but for other frames from some frame on."""
    generator = torch.Generator().manual_seed(1)
    parts = []
    for voice, changed in ((MELODY, melody_from), (CHORDS, chords_from)):
        states, others = torch.randint(0, voice.num_states, (2, 1, 40), generator=generator)
        if changed is not None:
            states[:, changed:] = others[:, changed:]
        parts.append(states)
    return judge(*parts, torch.ones(1, 40, dtype=torch.bool))[0]


def test_at_first_nothing_is_expected():
    fresh = Critic(Policy(POLICY_PRESETS["tiny"]))
    assert torch.equal(values(fresh), torch.zeros(40))


def test_a_critic_starts_from_its_player_s_weights():
    torch.manual_seed(0)
    policy, anchor = (
        Policy(POLICY_PRESETS["tiny"]),
        Anchor(AnchorConfig(transformer=POLICY_PRESETS["tiny"])),
    )
    for player, made in (policy, Critic(policy)), (anchor, ForesightedCritic(anchor)):
        start = player.state_dict()
        copied = {name: x for name, x in made.state_dict().items() if not name.startswith("value.")}
        assert all(torch.equal(tensor, start[name]) for name, tensor in copied.items())
        assert {name.partition(".")[0] for name in copied} >= {"transformer"}


@pytest.mark.parametrize("foresight", [False, True])
def test_no_decision_is_known_before_it_is_made(foresight):
    judge = critic(foresight)
    before, after = values(judge), values(judge, chords_from=FRAME)
    torch.testing.assert_close(before[: FRAME + 1], after[: FRAME + 1])
    assert not torch.allclose(before[FRAME + 1 :], after[FRAME + 1 :])


def test_only_the_foresighted_one_knows_the_melody_that_is_to_come():
    near, far = critic(foresight=False), critic(foresight=True)
    same = values(near)[: FRAME + 1], values(near, melody_from=FRAME)[: FRAME + 1]
    torch.testing.assert_close(*same)
    assert not torch.allclose(values(far)[:FRAME], values(far, melody_from=FRAME)[:FRAME])


def test_that_of_a_melody_agent_knows_the_chords_instead():
    judge = critic(foresight=True, part="melody")
    before = values(judge)[: FRAME + 1]
    torch.testing.assert_close(before, values(judge, melody_from=FRAME)[: FRAME + 1])
    assert not torch.allclose(before, values(judge, chords_from=FRAME)[: FRAME + 1])
