"""What a rollout earns, against cases worked out by hand."""

import math

import msgspec
import pytest
import torch

from gapt.errors import UserError
from gapt.models.judges import (
    ContrastiveJudge,
    DiscriminativeJudge,
    Discriminator,
    GenerativeJudge,
    JudgeConfig,
)
from gapt.models.presets import JUDGE_PRESETS
from gapt.models.rollout import Rollout
from gapt.models.transformer import Transformer
from gapt.music.chords import CHORD_NAMED, CHORD_TONES
from gapt.music.frames import CHORDS, MELODY
from gapt.music.measures import in_chord
from gapt.training.recipes import Ensemble
from gapt.training.rewards import Adversarial, Coherence, Rules

C, G = 7, 400


def play(chords, *, melody=60, real=None):
    chords = torch.tensor(chords)
    notes = torch.full_like(chords, MELODY.on(melody) if melody else 0)
    everywhere = torch.ones_like(chords, dtype=torch.bool)
    return Rollout(notes, chords, everywhere if real is None else real, torch.zeros(chords.shape))


def rules(chords, gaps=0.04, repeats=3, **options):
    parts = Rules(1.0, part=CHORDS, gaps=gaps, repeats=repeats).parts(play([chords], **options))
    return {name: part[0].tolist() for name, part in parts.items()}


def sounding(symbol, frames):
    return [CHORDS.on(symbol)] + [CHORDS.hold(symbol)] * (frames - 1)


def test_silence_costs_a_tenth_a_frame_once_there_is_too_much_of_it():
    # 50 frames: 8 that do not count, then 2 silent ones (4 %, which is allowed) or 3.
    two = [0] * 8 + [0] * 2 + sounding(C, 40)
    three = [0] * 8 + [0] * 3 + sounding(C, 39)
    assert rules(two)["silence"] == [0.0] * 50
    assert rules(three)["silence"] == pytest.approx([0.0] * 8 + [-0.1] * 3 + [0.0] * 39)
    assert rules(two, gaps=0.03)["silence"] == pytest.approx([0.0] * 8 + [-0.1] * 2 + [0.0] * 40)
    assert rules(three, melody=None) == rules(three), "the melody's rests are no excuse"


def test_a_chord_may_be_struck_four_times_running():
    strike = CHORDS.on(C)
    hold = CHORDS.hold(C)
    assert rules([strike] * 4)["repetition"] == [0.0] * 4
    chords = [strike, strike, hold, strike, strike, strike, hold, strike]
    assert rules(chords)["repetition"] == pytest.approx([0, 0, 0, 0, 0, -0.1, 0, -0.1])
    between = [strike] * 4 + [CHORDS.on(G)] + [strike] * 5
    assert rules(between)["repetition"] == pytest.approx([0.0] * 9 + [-0.1])


def test_or_not_be_struck_again_at_all():
    strike = CHORDS.on(C)
    chords = [strike, strike, CHORDS.hold(C), 0, strike, CHORDS.on(G), strike]
    assert rules(chords, repeats=0)["repetition"] == pytest.approx([0, -0.1, 0, 0, -0.1, 0, 0])


def test_holding_what_does_not_sound_costs_ten():
    chords = [CHORDS.hold(C), CHORDS.on(C), CHORDS.hold(C), CHORDS.hold(G), 0, CHORDS.hold(C)]
    assert rules(chords)["invalid"] == [-10.0, 0.0, 0.0, -10.0, 0.0, -10.0]


def test_nothing_is_counted_after_a_melody_s_end():
    real = torch.tensor([[True] * 4 + [False] * 16])
    parts = rules([CHORDS.on(C)] * 4 + [CHORDS.hold(G)] * 2 + [0] * 14, real=real)
    assert parts == {name: [0.0] * 20 for name in parts}


@pytest.fixture(scope="module")
def judges():
    torch.manual_seed(0)
    config = JudgeConfig(transformer=JUDGE_PRESETS["tiny"])
    return {
        "contrastive-0": ContrastiveJudge(config).eval(),
        "discriminative-0": DiscriminativeJudge(config).eval(),
    }


@pytest.fixture(scope="module")
def generative():
    torch.manual_seed(0)
    return GenerativeJudge(JudgeConfig(transformer=JUDGE_PRESETS["tiny"])).eval()


def varied(frames=24):
    torch.manual_seed(3)
    chords = torch.randint(0, CHORDS.num_states, (5, frames))
    real = torch.arange(frames) < torch.tensor([24, 24, 10, 1, 17])[:, None]
    melody = torch.randint(0, MELODY.num_states, (5, frames))
    return Rollout(melody, chords, real, torch.zeros(chords.shape))


@torch.no_grad()
def test_scores_told_by_frame_add_up_to_the_score(judges, generative):
    played = varied()
    for judge in [*judges.values(), generative]:
        for part in (CHORDS, MELODY):
            credit = judge.credit(*played[:3], part)
            torch.testing.assert_close(credit.sum(1), judge.score(*played[:3]))
            assert (credit[~played.real] == 0).all()


def test_judges_and_the_discriminator_hear_whole_windows_both_ways(judges, generative):
    discriminator = Discriminator(JUDGE_PRESETS["tiny"], hears_both=True)
    for judge in [*judges.values(), generative, discriminator]:
        encoders = [module for module in judge.modules() if isinstance(module, Transformer)]
        assert encoders
        assert not any(encoder.config.causal for encoder in encoders)


@torch.no_grad()
def test_coherence_is_worth_eight_judges_and_either_placement_gives_the_same_sum(judges):
    played = varied()
    by_frame = Coherence(judges, Ensemble(), 1.0, part=CHORDS, by_frame=True).parts(played)
    at_the_end = Coherence(judges, Ensemble(), 1.0, part=CHORDS, by_frame=False).parts(played)
    for name, judge in judges.items():
        score = 4 * judge.score(*played[:3])
        torch.testing.assert_close(by_frame[name].sum(1), score)
        torch.testing.assert_close(at_the_end[name].sum(1), score)
        last = at_the_end[name].gather(1, torch.tensor([[23], [23], [9], [0], [16]])).squeeze(1)
        torch.testing.assert_close(last, score)


@torch.no_grad()
def test_a_judge_without_weight_is_not_asked(judges, generative):
    played, everybody = varied(), {**judges, "generative-0": generative}

    def parts(**weights):
        ensemble = Ensemble(**weights)
        return Coherence(everybody, ensemble, 1.0, part=CHORDS, by_frame=True).parts(played)

    assert set(parts()) == set(judges), "as published there is no generative judge"
    alone = parts(contrastive=0, discriminative=0, generative=2)
    assert set(alone) == {"generative-0"}
    torch.testing.assert_close(alone["generative-0"].sum(1), 8 * generative.score(*played[:3]))


@torch.no_grad()
def test_the_ensemble_weighs_kinds_and_keeps_the_scale(judges):
    played = varied()
    ensemble = Ensemble(contrastive=1, discriminative=3)
    parts = Coherence(judges, ensemble, 1.0, part=CHORDS, by_frame=True).parts(played)
    for name, judge in judges.items():
        scale = 2.0 if isinstance(judge, ContrastiveJudge) else 6.0
        torch.testing.assert_close(parts[name].sum(1), scale * judge.score(*played[:3]))
    nobody = Ensemble(contrastive=0, discriminative=0)
    with pytest.raises(UserError, match="the ensemble gives no weight to any of"):
        Coherence(judges, nobody, 1.0, part=CHORDS, by_frame=True)


class Ear(DiscriminativeJudge):
    """Is quite sure: a frame is real if the note is in the chord."""

    def forward(self, melody, chords, real):
        return torch.where(torch.from_numpy(in_chord(melody.numpy(), chords.numpy())), 99.0, -99.0)


def test_contrast_takes_off_what_the_same_chords_would_earn_in_other_bars():
    ear = {"discriminative-0": Ear(JudgeConfig(transformer=JUDGE_PRESETS["tiny"]))}
    frames = torch.arange(6 * 16)
    d_then_c = torch.where(frames < 16, MELODY.on(62), MELODY.on(60))
    chords = torch.full_like(
        frames, CHORDS.on(7)
    )  # G holds the D of bar 0, not the C of the others
    played = Rollout(*(x[None] for x in (d_then_c, chords, frames >= 0, torch.zeros(6 * 16))))

    def earned(played):
        coherence = Coherence(ear, Ensemble(), 1.0, part=CHORDS, by_frame=True, contrast=0.5)
        (credit,) = coherence.parts(played).values()
        return (credit[0] * 6 * 16 / 8)[::16].tolist()  # a bar's first frame speaks for it

    # Bar 0 fits, and would not one, three or five bars later. The others do not fit, but bars 1, 3
    # and 5 would, the D having come round, in one case of three: half of that is taken off.
    odd = -0.5 / 3
    assert earned(played) == pytest.approx([1, odd, 0, odd, 0, odd], abs=1e-6)
    anywhere = played._replace(melody=torch.full_like(played.melody, MELODY.on(62)))
    assert earned(anywhere) == pytest.approx([0.5] * 6), "what fits everything earns little"


@torch.no_grad()
def test_contrast_is_for_those_who_hear_pitch_frame_by_frame(judges, generative):
    """Nothing is taken off what the contrastive judge and those of rhythm say."""
    config = JudgeConfig(transformer=JUDGE_PRESETS["tiny"], rhythm=True)
    everybody = {
        **judges,
        "discriminative-rhythm-0": DiscriminativeJudge(config).eval(),
        "generative-0": generative,
    }
    ensemble = Ensemble(generative=1)
    played = varied()
    plain, contrasted = (
        Coherence(everybody, ensemble, 1.0, part=CHORDS, by_frame=True, contrast=contrast).parts(
            played
        )
        for contrast in (0.0, 0.5)
    )
    changed = {name for name in everybody if not torch.equal(plain[name], contrasted[name])}
    assert changed == {"discriminative-0", "generative-0"}


def test_in_other_bars_too_judges_hear_what_can_be_played():
    """Moved in time, notes are cut in two; what is held after a cut did not sound before."""
    heard = []

    class Listener(Ear):
        def forward(self, melody, chords, real):
            heard.extend(
                voice.is_valid(row[:length].numpy())
                for voice, part in ((MELODY, melody), (CHORDS, chords))
                for row, length in zip(part, real.sum(1), strict=True)
            )
            return super().forward(melody, chords, real)

    listener = {"discriminative-0": Listener(JudgeConfig(transformer=JUDGE_PRESETS["tiny"]))}
    notes = torch.tensor([MELODY.on(60)] + [MELODY.hold(60)] * 19 + [MELODY.on(62)] * 20)
    played = play([sounding(C, 40)])._replace(melody=notes[None])
    for part in (CHORDS, MELODY):
        options = {"part": part, "by_frame": True, "contrast": 0.5}
        Coherence(listener, Ensemble(), 1.0, **options).parts(played)
    assert len(heard) == 2 * 2 * 4, "both parts as they are and one, three and five bars later"
    assert all(heard)


class Theorist(GenerativeJudge):
    """Expects the tones of the chord, all alike, and nothing else."""

    def forward(self, chords, real):
        tones = torch.tensor(CHORD_TONES)[CHORDS.symbol(chords)].float()
        return (tones / tones.sum(-1, keepdim=True)).log()


def test_a_generative_judge_pays_for_the_note_that_the_chord_lets_one_expect():
    theorist = Theorist(JudgeConfig(transformer=JUDGE_PRESETS["tiny"]))
    triad, seventh, c = (CHORDS.on(CHORD_NAMED[x]) for x in ("G", "G7", "C"))
    melody = torch.tensor([[MELODY.on(62), MELODY.hold(62), MELODY.on(60), 0]])  # D D C, a rest
    everywhere = torch.ones(1, 4, dtype=torch.bool)

    def earned(chords, real=everywhere, **options):
        return theorist.credit(melody, torch.tensor([chords]), real, **options)[0].tolist()

    # Of three tones each is expected four times as much as by chance, of four three times.
    assert earned([triad] * 4) == pytest.approx([1, 1, 0, 0.25])
    assert earned([seventh] * 4) == pytest.approx([0.75, 0.75, 0, 0.25])
    half = torch.tensor([[True, True, False, False]])
    assert earned([triad] * 4, real=half) == pytest.approx([2, 2, 0, 0])
    # C holds the C and not the D: at any time D is worth (4 + 0 + 0 + 4) / 4 = 2, and so is C.
    both = [triad, c, c, triad]
    assert earned(both) == pytest.approx([1, 0, 1, 0.25])
    assert earned(both, contrast=0.5) == pytest.approx([0.75, -0.25, 0.75, 0.125])
    # One chord for ever is worth nothing more than that.
    assert earned([triad] * 4, contrast=1.0) == pytest.approx([0] * 4)


@torch.no_grad()
def test_the_adversarial_reward_is_minus_log_of_one_minus_d():
    torch.manual_seed(1)
    discriminator = Discriminator(JUDGE_PRESETS["tiny"], hears_both=False)
    discriminator.out.bias.fill_(math.log(3))  # with no weights: D = 3/4, and -log(1/4) = log 4
    discriminator.out.weight.zero_()
    earned = Adversarial(discriminator, 1.0, by_frame=True).parts(varied())["realism"]
    torch.testing.assert_close(earned.sum(1), torch.full((5,), math.log(4)))
    torch.testing.assert_close(earned[0], torch.full((24,), math.log(4) / 24))


@torch.no_grad()
def test_a_discriminator_that_has_just_learnt_judges_without_dropout():
    torch.manual_seed(1)
    forgetful = msgspec.structs.replace(JUDGE_PRESETS["tiny"], dropout=0.5)
    discriminator = Discriminator(forgetful, hears_both=False)
    realism = Adversarial(discriminator, 1.0, by_frame=True)
    expected = discriminator.eval().credit(*varied()[:3])
    discriminator.train()
    assert torch.equal(realism.parts(varied())["realism"], expected)


@torch.no_grad()
def test_the_discriminator_hears_the_other_part_only_if_asked_to():
    torch.manual_seed(1)
    deaf = Discriminator(JUDGE_PRESETS["tiny"], hears_both=False).eval()
    hearing = Discriminator(JUDGE_PRESETS["tiny"], hears_both=True).eval()
    played = varied()
    other = played._replace(melody=torch.zeros_like(played.melody))
    assert torch.equal(deaf(*played[:3]), deaf(*other[:3]))
    assert not torch.equal(hearing(*played[:3]), hearing(*other[:3]))
