"""Post-training on the built-in tunes: it learns, is hacked or not, resumes, and splits."""

import math
from pathlib import Path

import msgspec
import pytest
import torch
import torch.nn.functional as F
import yaml
from test_pretrain import alone_and_together, assert_same_run, killed, measurements

from gapt.corpora.store import Corpus
from gapt.errors import UserError
from gapt.models.checkpoint import load, load_policy
from gapt.models.judges import ContrastiveJudge
from gapt.models.rollout import rollout
from gapt.music.chords import CHORD_NAMED
from gapt.music.frames import CHORDS, SILENCE
from gapt.training.bench import bench_train, report
from gapt.training.objectives import gae, normalise
from gapt.training.post import PostTraining, post_train
from gapt.training.recipes import ANCHOR_RECIPES
from gapt.training.rewards import Adversarial, Reward
from gapt.training.schedule import TwoPhase
from gapt.training.stages import train
from gapt.training.supervised import launch
from gapt.training.watch import Watch

FAVOURITE = CHORD_NAMED["C"]


class Favourite(Reward):
    """The share of the time for which one chord sounds: a reward that asks to be hacked."""

    name, weight = "favourite", 1.0

    def parts(self, play):
        """One."""
        hit = CHORDS.sounds(play.chords) & (CHORDS.symbol(play.chords) == FAVOURITE) & play.real
        return {"favourite": hit / play.real.sum(1, keepdim=True)}


class Restless(Reward):
    """The share of the frames in which a chord is struck: another."""

    name, weight = "restless", 1.0

    def parts(self, play):
        """One."""
        struck = CHORDS.is_on(play.chords) & play.real
        return {"restless": struck / play.real.sum(1, keepdim=True)}


class Both(Reward):
    """The mean of the two shares."""

    name, weight = "both", 0.5

    def parts(self, play):
        """Two."""
        return {**Favourite().parts(play), **Restless().parts(play)}


@pytest.fixture(scope="module")
def hacked(pretrained):
    """What is watched before training, after it for `Both` alone, and after it for realism too."""
    adversary = msgspec.structs.replace(
        pretrained.recipe.adversary,
        weight=12.0,
        schedule=msgspec.structs.replace(pretrained.recipe.adversary.schedule, every=1),
    )
    seen = []
    for discriminator in (None, adversary):
        # By then, without the adversary nothing is left to hack.
        recipe = msgspec.structs.replace(
            pretrained.recipe, adversary=discriminator, entropy=0.0, steps=30
        )
        training = PostTraining(recipe, Corpus.load(pretrained.corpus), launch(recipe))
        keeps = [reward for reward in training.rewards if isinstance(reward, Adversarial)]
        training.rewards = [Both(), *keeps]
        watch = Watch(recipe, Corpus.load(pretrained.corpus), training.judges)
        before = watch.look(training.policy)
        for step in range(recipe.steps):
            training.update(step)
        seen.append(watch.look(training.policy))
    return before, *seen


def test_a_reward_for_one_chord_is_hacked_without_the_adversary_and_not_with_it(hacked):
    before, without, kept = (seen["watch/chord_entropy"] for seen in hacked)
    assert without < 0.5 * before
    assert kept > 0.6 * before
    assert kept > 2 * without


def test_a_reward_for_striking_is_hacked_without_the_adversary_and_not_with_it(hacked):
    before, without, kept = (seen["watch/changes_per_bar"] for seen in hacked)
    assert without > 3 * before
    assert kept < 0.5 * without


@pytest.mark.parametrize(("objective", "gain"), [("ppo", 0.2), ("grpo", 0.15)])
def test_reinforcement_raises_the_reward(pretrained, tmp_path, objective, gain):
    recipe = msgspec.structs.replace(
        pretrained.recipe,
        adversary=None,
        objective=objective,
        entropy=0.0,
        steps=50,
        batch=32,
        learning_rate=2e-3,
    )
    post_train(recipe, Corpus.load(pretrained.corpus), tmp_path / "run")
    logged = measurements(tmp_path / "run")
    rewards = [logged[step, "reward/total"] for step in range(1, 51)]
    assert sum(rewards[-10:]) / 10 > sum(rewards[:10]) / 10 + gain
    assert all(math.isfinite(value) for value in logged.values())
    load_policy(tmp_path / "run")


def test_with_a_head_start_critic_and_discriminator_learn_before_the_policy_does(pretrained):
    adversary = msgspec.structs.replace(
        pretrained.recipe.adversary,
        schedule=msgspec.structs.replace(pretrained.recipe.adversary.schedule, every=1),
    )
    recipe = msgspec.structs.replace(pretrained.recipe, adversary=adversary, head_start=2, warmup=1)
    training = PostTraining(recipe, Corpus.load(pretrained.corpus), launch(recipe))

    def weights():
        return {
            name: torch.nn.utils.parameters_to_vector(network.parameters()).detach()
            for name, network in training.learners.items()
        }

    changed = []
    for step in range(3):
        before = weights()
        training.update(step)
        changed.append({name for name, now in weights().items() if not now.equal(before[name])})
    others = {"critic", "discriminator"}
    assert changed == [others, others, {"policy", *others}]


def test_the_melody_agent_is_the_same_with_roles_swapped(pretrained, tmp_path):
    corpus = Corpus.load(pretrained.corpus)
    anchor = msgspec.structs.replace(ANCHOR_RECIPES["tiny"], part="melody", steps=10)
    train("anchor", anchor, corpus, tmp_path / "anchor")
    recipe = msgspec.structs.replace(
        pretrained.recipe,
        part="melody",
        anchor=str(tmp_path / "anchor"),
        contrast=0.8,
        foresight=True,
        steps=4,
    )
    post_train(recipe, corpus, tmp_path / "melodist")
    logged = measurements(tmp_path / "melodist")
    assert all(math.isfinite(value) for value in logged.values())
    assert (1, "reward/rules/silence") not in logged
    before, after = load_policy(Path(recipe.start)), load_policy(tmp_path / "melodist")
    assert torch.equal(before.chord_head.bias, after.chord_head.bias)
    assert not torch.equal(before.melody_head.bias, after.melody_head.bias)
    with pytest.raises(UserError, match="does not play the melody, which this run trains"):
        post_train(
            msgspec.structs.replace(recipe, anchor=pretrained.recipe.anchor), corpus, tmp_path / "x"
        )


@pytest.mark.parametrize("credit", ["frame", "trajectory"])
def test_what_every_frame_earns_is_taken_off_where_frames_earn(pretrained, credit):
    """Off a trajectory's score it would be what the critic then has to count frames for."""
    recipe = msgspec.structs.replace(pretrained.recipe, credit=credit, rules=0.0)
    training = PostTraining(recipe, Corpus.load(pretrained.corpus), launch(recipe))
    songs, noise = training._draw(0)
    play = rollout(training.policy, *songs[:3], noise)
    rewards, logged = training._reward(play)
    last = torch.arange(play.real.shape[1]) == play.real.sum(1, keepdim=True) - 1
    if credit == "trajectory":
        assert not rewards[~last].any()
        torch.testing.assert_close(rewards[last].mean(), logged["reward/total"])
    else:
        assert rewards[~last].any()
        assert abs(rewards.sum()) < 1e-3


def played(training, temperature=1.0):
    """An update's own play, and some advantages."""
    songs, noise = training._draw(0)
    play = rollout(training.policy, *songs[:3], noise, temperature=temperature)
    torch.manual_seed(0)
    return play, torch.randn_like(play.log_probs) * play.real


def begun(pretrained, **changes):
    """Post-training with a recipe of its own."""
    recipe = msgspec.structs.replace(pretrained.recipe, **changes)
    return PostTraining(recipe, Corpus.load(pretrained.corpus), launch(recipe))


def test_the_total_is_the_sum_of_the_weighed_and_the_schedule_goes_by_the_unweighed(pretrained):
    adversary = msgspec.structs.replace(pretrained.recipe.adversary, weight=3.0)
    training = begun(pretrained, adversary=adversary, coherence=0.5, rules=2.0)
    logged = training.update(0)
    weights = {"coherence": 0.5, "rules": 2.0, "adversarial": 3.0}
    for name, weight in weights.items():
        parts = [value for key, value in logged.items() if key.startswith(f"reward/{name}/")]
        assert logged[f"reward/{name}"] == pytest.approx(weight * sum(parts), rel=1e-4), name
    total = sum(logged[f"reward/{name}"] for name in weights)
    assert logged["reward/total"] == pytest.approx(total, rel=1e-4)
    assert training.realism == [pytest.approx(logged["reward/adversarial/realism"])]


def test_the_policy_that_played_finds_its_play_as_likely_as_it_was(pretrained):
    """At the temperature of the play: all ratios are 1, so what is left are the advantages."""
    training = begun(pretrained, temperature=2.0, head_start=1)  # it stays the one that played
    logged = training.update(0)
    assert logged["policy/clip_fraction"] == 0
    assert logged["policy/objective"] == pytest.approx(0, abs=1e-4), "their mean"


@pytest.mark.parametrize(("advantage", "worth"), [(1.0, 1.2), (-1.0, -1.5)])
def test_what_has_become_likelier_by_half_is_worth_what_the_clip_leaves_of_it(
    pretrained, advantage, worth
):
    training = begun(pretrained, clip=0.2, temperature=2.0)
    play, _ = played(training, temperature=2.0)
    rarer = play._replace(log_probs=play.log_probs - math.log(1.5))
    logged = training._improve_policy(rarer, torch.full_like(play.log_probs, advantage))
    assert logged["policy/objective"].item() == pytest.approx(worth, rel=1e-4)
    assert logged["policy/clip_fraction"] == 1
    log_p, anchor_log_p = (
        (logits / 2.0).log_softmax(-1)[play.real]
        for logits in (
            training.policy(play.melody, play.chords).chords,
            training.anchor(play.melody, play.chords, play.real),
        )
    )
    kl = F.kl_div(anchor_log_p, log_p, log_target=True, reduction="batchmean")  # KL(pi || anchor)
    torch.testing.assert_close(logged["policy/anchor_kl"], kl, rtol=1e-3, atol=0)
    spread = torch.distributions.Categorical(logits=log_p).entropy().mean()
    torch.testing.assert_close(logged["policy/entropy"], spread, rtol=1e-3, atol=0)


@pytest.mark.parametrize(("weight", "sign"), [("anchor_kl", -1), ("entropy", 1)])
def test_with_nothing_to_gain_it_nears_the_anchor_or_spreads_as_weighed(pretrained, weight, sign):
    training = begun(pretrained, **{"anchor_kl": 0.0, "entropy": 0.0, weight: 1.0})
    training._set_learning_rates(training.recipe.warmup)
    play, advantages = played(training)
    seen = [
        float(training._learn(play, advantages, torch.zeros_like(advantages))[f"policy/{weight}"])
        for _ in range(6)
    ]
    assert sign * (seen[-1] - seen[0]) > 0.1 * seen[0]


def test_the_critic_learns_what_came_beyond_what_it_expected(pretrained):
    training = begun(pretrained, gae_decay=0.5)
    torch.nn.init.normal_(training.learners["critic"].value.weight)
    play, rewards = played(training)
    advantages, logged = training._ask_critic(play, rewards)
    values = training.learners["critic"](play.melody, play.chords, play.real).detach()
    expected, returns = gae(rewards, values, play.real, decay=0.5)
    torch.testing.assert_close(advantages, normalise(expected, play.real, torch.clone))
    loss = (returns - values)[play.real].square().mean()
    torch.testing.assert_close(logged["critic/loss"].detach(), loss)


def test_a_steep_gradient_is_scaled_to_the_recipe_s_norm(pretrained):
    training = begun(pretrained, gradient_norm=0.5)
    parameters = list(training.learners["critic"].parameters())
    norm = training._descend(sum(parameter.square().sum() for parameter in parameters), "critic")
    assert norm > 0.5
    left = torch.stack([parameter.grad.norm() for parameter in parameters]).norm()
    assert float(left) == pytest.approx(0.5, rel=1e-3)


class Connoisseur(torch.nn.Module):
    """Is sure that one chord is the data's, and half as sure that all others are played."""

    def forward(self, melody, chords, real):
        assert all(CHORDS.is_valid(row.numpy()) for row in chords)
        return torch.where(CHORDS.symbol(chords) == FAVOURITE, 100.0, -50.0)


def test_half_of_what_the_discriminator_hears_is_the_data_s_and_its_labels_are_soft(pretrained):
    """Always right, it loses 100 and 50 times how far the labels are from what it is sure of."""
    training = begun(pretrained)
    songs, _ = training._draw(0)
    # The data holds one chord throughout, the play another.
    data, play = (
        songs._replace(chords=torch.full_like(songs.chords, CHORDS.hold(symbol)))
        for symbol in (FAVOURITE, FAVOURITE + 1)
    )
    data, play = (some._replace(chords=CHORDS.strike(some.chords)) for some in (data, play))
    training.learners["discriminator"] = Connoisseur()
    never = TwoPhase(first=9, every=9)
    for smoothing in (0.0, 0.1):
        adversary = msgspec.structs.replace(
            training.recipe.adversary, smoothing=smoothing, schedule=never
        )
        logged = training._update_discriminator(adversary, data, play)
        assert float(logged["discriminator/loss"]) == pytest.approx(75 * smoothing)
        assert logged["discriminator/accuracy"] == 1
        assert logged["discriminator/learns"] == 0


def test_the_discriminator_is_asked_without_dropout_and_learns_with_it(pretrained):
    schedule = TwoPhase(first=9, every=1)
    training = begun(
        pretrained,
        adversary=msgspec.structs.replace(pretrained.recipe.adversary, schedule=schedule),
    )
    modes = []
    discriminator = training.learners["discriminator"]
    discriminator.register_forward_hook(lambda module, *_: modes.append(module.training))
    for step in range(2):
        training.update(step)
    # Its reward, how well it does, and then a mini-batch at a time.
    assert modes == [False, False, *[True] * training.recipe.minibatches] * 2
    assert not training.policy.training
    assert not training.learners["critic"].training


def test_the_melodies_jump_as_often_as_the_recipe_says(pretrained):
    still, jumping = (begun(pretrained, jumps=share)._draw(0)[0] for share in (0.0, 1.0))
    for part in ("melody", "chords"):
        moved = getattr(still, part) != getattr(jumping, part)
        assert moved.any(1).all()
        assert not moved[:, 0].any()


def test_a_group_answers_one_melody_each_in_its_own_way(pretrained):
    songs, noise = begun(pretrained, objective="grpo", group=4)._draw(0)
    groups = songs.melody.view(4, 4, -1)
    assert (groups == groups[:, :1]).all()
    assert len({tuple(group[0].tolist()) for group in groups}) == 4
    assert len({tuple(row.tolist()) for row in noise}) == 16


def test_what_comes_after_a_trajectory_is_not_learnt_from(pretrained):
    training = PostTraining(
        pretrained.recipe, Corpus.load(pretrained.corpus), launch(pretrained.recipe)
    )
    songs, noise = training._draw(0)
    rows, frames = (torch.arange(size, device=songs.real.device) for size in songs.real.shape)
    real = frames < 20 + 2 * rows[:, None]
    play = rollout(training.policy, songs.melody, songs.chords, real, noise)
    other = play._replace(
        chords=torch.where(real, play.chords, CHORDS.on(FAVOURITE)),
        melody=torch.where(real, play.melody, SILENCE),
        log_probs=torch.where(real, play.log_probs, -3.0),
    )
    rewards = torch.rand_like(play.log_probs) * real
    before = {name: tensor.clone() for name, tensor in training.learners.state_dict().items()}
    training._set_learning_rates(5)
    logged, learnt = [], []
    for some in (play, other):
        training.learners.load_state_dict(before)
        training.optimizer.state.clear()
        logged.append(training._learn(some, rewards, None))
        learnt.append({name: x.clone() for name, x in training.learners.state_dict().items()})
    torch.testing.assert_close(logged[0], logged[1])
    torch.testing.assert_close(learnt[0], learnt[1])
    assert not torch.equal(before["policy.chord_head.bias"], learnt[0]["policy.chord_head.bias"])


def test_after_a_kill_it_goes_on_as_if_nothing_had_happened(pretrained, tmp_path):
    # Without what it has earned before the kill, the discriminator would cease to learn at once.
    schedule = TwoPhase(first=0, threshold=0.4, window=24)
    adversary = msgspec.structs.replace(pretrained.recipe.adversary, schedule=schedule)
    recipe = msgspec.structs.replace(
        pretrained.recipe, adversary=adversary, steps=24, validate_every=6
    )
    written = tmp_path / "recipe.yaml"
    written.write_text(yaml.safe_dump({"preset": "tiny", **msgspec.to_builtins(recipe)}))
    out = tmp_path / "run"
    options = ["--recipe", written, "--corpus", pretrained.corpus, "--out", out]
    killed(12, "watch/harmony", "rl", *options)
    assert load(out / "last.safetensors", "post-training")[0].step == 6
    corpus = Corpus.load(pretrained.corpus)
    post_train(recipe, corpus, out, resume=True)
    post_train(recipe, corpus, tmp_path / "unbroken")
    assert_same_run(out, tmp_path / "unbroken")


@pytest.mark.parametrize("objective", ["ppo", "grpo"])
def test_two_processes_make_the_updates_of_one(pretrained, tmp_path, objective, monkeypatch):
    # Dropout is drawn by each process for its own rows, so here there is none.
    transformer = msgspec.structs.replace(pretrained.recipe.adversary.transformer, dropout=0.0)
    recipe = msgspec.structs.replace(
        pretrained.recipe,
        objective=objective,
        group=2,
        steps=4,
        adversary=msgspec.structs.replace(pretrained.recipe.adversary, transformer=transformer),
    )
    written = tmp_path / "recipe.yaml"
    written.write_text(yaml.safe_dump({"preset": "tiny", **msgspec.to_builtins(recipe)}))
    one, two = alone_and_together("rl", written, pretrained.corpus, tmp_path, monkeypatch)
    assert one.keys() == two.keys()
    for key, value in one.items():
        if not key[1].endswith("explained_variance"):  # which each process has of its own rows
            assert two[key] == pytest.approx(value, rel=2e-3, abs=1e-5), key


def test_hacking_is_told_in_plain_words(pretrained):
    recipe = pretrained.recipe
    corpus = Corpus.load(pretrained.corpus)
    training = PostTraining(recipe, corpus, launch(recipe))
    watch = Watch(recipe, corpus, training.judges)
    seen = watch.look(training.policy)
    same = {name: seen[f"data/{name}"] for name in ("vendi", "chord_entropy")}
    rich = {**seen, **{f"watch/{name}": value for name, value in same.items()}}
    few = {**rich, "watch/chord_entropy": same["chord_entropy"] + math.log(0.3)}
    poor = {**rich, "watch/vendi": 0.4 * same["vendi"], "watch/top_chords": 0.9}
    alarm = watch.alarm([1.0, 1.0, 3.0, 3.0], poor)
    assert "reward hacking: coherence has risen by 2.00" in alarm
    assert "40% of the data's (Vendi score" in alarm
    assert "90% of the time" in alarm
    assert "30% of the data's (effective number of chords" in watch.alarm([1.0, 3.0], few)
    assert watch.alarm([1.0, 1.0, 3.0, 3.0], rich) is None
    of_melodies = Watch(msgspec.structs.replace(recipe, part="melody"), corpus, training.judges)
    assert "chords" not in of_melodies.alarm([1.0, 1.0, 3.0, 3.0], poor)
    assert watch.alarm([3.0, 3.0, 1.0, 1.0], poor) is None
    # Updates that differ by 0.3: a rise of 0.1 over ten may be chance, one of 0.4 is not.
    first = [1.0, 1.3] * 5
    assert watch.alarm(first + [x + 0.1 for x in first], poor) is None
    assert watch.alarm(first + [x + 0.4 for x in first], poor)


def test_the_watch_goes_by_the_first_judge_that_compares_and_hears_pitch(pretrained):
    recipe, corpus = pretrained.recipe, Corpus.load(pretrained.corpus)
    trained = begun(pretrained).judges
    config = trained["contrastive-0"].config
    others = {
        "discriminative-0": trained["discriminative-0"],
        "contrastive-rhythm-0": ContrastiveJudge(msgspec.structs.replace(config, rhythm=True)),
        "contrastive-0": trained["contrastive-0"],
        "contrastive-1": ContrastiveJudge(config),
    }
    alone, among = (
        Watch(recipe, corpus, judges).look(begun(pretrained).policy)
        for judges in ({"contrastive-0": trained["contrastive-0"]}, others)
    )
    assert among == alone


def test_the_alarm_goes_by_the_last_updates_and_needs_something_to_compare(pretrained):
    recipe, corpus = pretrained.recipe, Corpus.load(pretrained.corpus)
    training = begun(pretrained)
    watch = Watch(recipe, corpus, training.judges)
    silent = {**watch.look(training.policy), "watch/chord_entropy": math.nan}
    assert "0% of the data's (effective number" in watch.alarm([1.0] * 10 + [3.0] * 10, silent)
    assert watch.alarm([1.0] * 10 + [3.0] * 30 + [1.0] * 10, silent) is None, "it rose and fell"
    deaf = Watch(msgspec.structs.replace(recipe, part="melody"), corpus, {})
    assert deaf.alarm([1.0, 3.0], silent) is None


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_last_checkpoint(
    pretrained, tmp_path, monkeypatch
):
    monkeypatch.setattr(
        "gapt.training.post.learning_rate", lambda _, step: 1e-3 if step < 5 else math.inf
    )
    recipe = msgspec.structs.replace(pretrained.recipe, steps=10, validate_every=2)
    with pytest.raises(UserError, match=r"(critic|policy)/.* is nan at update 5"):
        post_train(recipe, Corpus.load(pretrained.corpus), tmp_path / "run")
    _, kept = load(tmp_path / "run" / "last.safetensors", "post-training")
    assert all(tensor.isfinite().all() for tensor in kept.values())
    load_policy(tmp_path / "run")


@pytest.mark.parametrize("learner", ["policy", "critic", "discriminator"])
def test_a_gradient_that_is_no_number_ends_the_update_that_made_it(pretrained, learner):
    """Not the next one: by then a checkpoint may hold what it has spoilt."""
    always = msgspec.structs.replace(pretrained.recipe.adversary.schedule, every=1)
    adversary = msgspec.structs.replace(pretrained.recipe.adversary, schedule=always)
    recipe = msgspec.structs.replace(pretrained.recipe, adversary=adversary)
    training = PostTraining(recipe, Corpus.load(pretrained.corpus), launch(recipe))
    assert training.update(0)[f"{learner}/gradient_norm"] > 0
    parameter = next(iter(training.learners[learner].parameters()))
    parameter.register_hook(lambda gradient: gradient * math.nan)
    with pytest.raises(UserError, match=rf"{learner}/\w+ is nan at update 1"):
        training.update(1)


def test_bad_numbers_are_refused_by_name(pretrained, tmp_path):
    corpus = Corpus.load(pretrained.corpus)
    for change, message in [
        ({"batch": 15}, "batch 15 does not split into 4 mini-batches"),
        ({"objective": "grpo", "group": 3}, "a group of 3 does not fit"),
        ({"start": "nowhere"}, "no checkpoint at nowhere"),
        ({"judges": str(tmp_path)}, "no judges in"),
    ]:
        recipe = msgspec.structs.replace(pretrained.recipe, **change)
        with pytest.raises(UserError, match=message):
            post_train(recipe, corpus, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_time_of_an_update_is_told_part_by_part():
    figures = bench_train("tiny", 1)
    assert set(figures) >= {"seconds_per_update", "parts", "peak_memory_mb", "device"}
    parts = figures["parts"]
    assert set(parts) == {"rollout", "rewards", "anchor", "policy", "critic", "discriminator"}
    assert 0.5 * figures["seconds_per_update"] < sum(parts.values())
    assert sum(parts.values()) <= figures["seconds_per_update"]
    assert all(name in report(figures) for name in parts)
