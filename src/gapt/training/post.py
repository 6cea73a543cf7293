"""Stages 4 and 5: reinforcement learning for coherence, and GAPT's adversary beside it.

One update (Wu et al., arXiv 2511.17879, algorithm 1):

    1. the policy plays to melodies of the data, as live: hearing only what is past
    2. judges, rules and the discriminator reward what it played
    3. the policy and its critic learn from the play, a mini-batch at a time
    4. the discriminator learns to tell it from the data's own chords, if its schedule says so

Everything that an update needs comes from the recipe, the seed and the update's number, and from
weights and optimiser; so a run that was cut off goes on as if it had not been.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import cast

import lightning_fabric
import msgspec
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gapt.corpora.batches import Batch, Mixture, patches, with_jumps
from gapt.corpora.store import Corpus
from gapt.errors import UserError
from gapt.models.anchor import PARTS
from gapt.models.checkpoint import Header, load_anchor, load_judges, load_policy
from gapt.models.critic import Critic, ForesightedCritic
from gapt.models.judges import Discriminator
from gapt.models.rollout import Rollout, draw_noise, rollout
from gapt.models.transformer import compile_blocks
from gapt.training.clock import Stopwatch
from gapt.training.objectives import (
    clipped,
    divergence,
    entropy,
    explained_variance,
    gae,
    group_advantages,
    normalise,
)
from gapt.training.recipes import AdversaryRecipe, PostTrainingRecipe
from gapt.training.rewards import Adversarial, Coherence, Reward, Rules
from gapt.training.run import Run, step_seed
from gapt.training.supervised import launch, learning_rate, progress_bar, resolved
from gapt.training.watch import Watch
from gapt.weights import SHIPPED_JUDGES

REALISM = "reward/adversarial/realism"
"""The log's name of the mean adversarial reward, unweighted: what D's schedule goes by."""


class PostTraining:
    """The networks of a run, and one update of them.

    Attributes:
        policy: the one that learns.
        learners: all that learns, by name: what a checkpoint holds.
        realism: the mean adversarial reward of every update so far.
        step: the number of the update that is being made.
        clock: the seconds that the parts of the updates have taken.
    """

    def __init__(
        self, recipe: PostTrainingRecipe, corpus: Corpus, fabric: lightning_fabric.Fabric
    ) -> None:
        """Load what the recipe starts from.

        Raises:
            UserError: a network cannot be loaded, or the numbers do not divide.
        """
        self.recipe, self.fabric = recipe, fabric
        check_sizes(recipe, fabric.world_size)
        device = fabric.device
        self.part = PARTS[recipe.part]
        self.mixture = Mixture.of(corpus, "train", recipe.mixture)
        self.policy = load_policy(Path(recipe.start))
        self.anchor = load_anchor(Path(recipe.anchor)).to(device)
        if self.anchor.part != self.part:
            raise UserError(
                f"{recipe.anchor} does not play the {recipe.part}, which this run trains; "
                "give it an anchor that does"
            )
        judges = load_judges(Path(recipe.judges or SHIPPED_JUDGES))
        self.judges = {name: judge.to(device) for name, judge in judges.items()}
        self.learners = self._learners().to(device)
        self.rewards = self._rewards()
        self.optimizer = self._optimizer()
        if recipe.compile and device.type == "cuda":
            if not find_spec("triton"):
                raise UserError(
                    "compile: true needs Triton, which is not there; say compile: false"
                )
            for network in (self.learners, self.anchor, *self.judges.values()):
                compile_blocks(network)
        self.realism: list[float] = []
        self.clock = Stopwatch(device)
        self.step = 0

    def _learners(self) -> nn.ModuleDict:
        recipe = self.recipe
        torch.manual_seed(recipe.seed)
        learners = nn.ModuleDict({"policy": self.policy})
        if recipe.objective == "ppo":
            critic = ForesightedCritic(self.anchor) if recipe.foresight else Critic(self.policy)
            learners["critic"] = critic.eval()
        if adversary := recipe.adversary:
            learners["discriminator"] = Discriminator(
                adversary.transformer, part=self.part, hears_both=adversary.hears_both
            )
        return learners

    def _rewards(self) -> list[Reward]:
        recipe, by_frame = self.recipe, self.recipe.credit == "frame"
        rewards: list[Reward] = [
            Coherence(
                self.judges,
                recipe.ensemble,
                recipe.coherence,
                part=self.part,
                by_frame=by_frame,
                contrast=recipe.contrast,
            ),
            Rules(recipe.rules, part=self.part, gaps=recipe.gaps, repeats=recipe.repeats),
        ]
        if recipe.adversary:
            discriminator = cast(Discriminator, self.learners["discriminator"])
            rewards.append(Adversarial(discriminator, recipe.adversary.weight, by_frame=by_frame))
        return rewards

    def _optimizer(self) -> torch.optim.Optimizer:
        """One for all learners, each at its own rate; it leaves alone what has no gradient."""
        recipe = self.recipe
        rates = {"policy": recipe.learning_rate, "critic": recipe.critic_learning_rate}
        if recipe.adversary:
            rates["discriminator"] = recipe.adversary.learning_rate
        groups = [
            {"params": list(learner.parameters()), "peak": rates[name], "lr": rates[name]}
            for name, learner in self.learners.items()
        ]
        return torch.optim.AdamW(groups, betas=recipe.betas, weight_decay=recipe.weight_decay)

    def update(self, step: int) -> dict[str, float]:
        """Make one update, numbered from 0; returns what to log.

        Hardly anything is read back from a GPU until the end, so that its queue never runs dry.

        Raises:
            UserError: a loss is no longer a number.
        """
        self.step = step
        self._set_learning_rates(step)
        songs, noise = self._draw(step)
        with self.clock("rollout"), self.fabric.autocast():
            play = rollout(
                self.policy,
                *songs[:3],
                noise,
                part=self.part,
                temperature=self.recipe.temperature,
            )
        with self.clock("rewards"), self.fabric.autocast():
            rewards, logged = self._reward(play)
        advantages = None
        if self.recipe.objective == "grpo":
            advantages = group_advantages(rewards, play.real, self.recipe.group)
        for rows in self._minibatches():
            some = Rollout(*(tensor[rows] for tensor in play))
            given = None if advantages is None else advantages[rows]
            for name, value in self._learn(some, rewards[rows], given).items():
                logged[name] = logged.get(name, 0.0) + value / self.recipe.minibatches
        # Last: the schedule goes by what was earned, which has to be read back from the GPU.
        if self.recipe.adversary:
            self.realism.append(self._mean(logged[REALISM]).item())
            with self.clock("discriminator"):
                torch.manual_seed(step_seed(self.recipe.seed, step) + self.fabric.global_rank)
                logged |= self._update_discriminator(self.recipe.adversary, songs, play)
        means = self._mean(torch.stack(list(logged.values()))).tolist()
        self.clock.settle()
        values = dict(zip(logged, means, strict=True))
        for name, value in values.items():
            if not math.isfinite(value):
                raise UserError(
                    f"{name} is {value:.3g} at update {step}. The last checkpoint is from before "
                    "and is kept; a lower learning_rate usually helps"
                )
        return {**values, "learning_rate": self.optimizer.param_groups[0]["lr"]}

    def _draw(self, step: int) -> tuple[Rollout, Tensor]:
        """This process' share of the update's songs, and of its chance.

        The songs' own chords, with no log-probabilities; each mini-batch is shared out in turn.
        """
        recipe, fabric = self.recipe, self.fabric
        group = recipe.group if recipe.objective == "grpo" else 1
        rng = np.random.default_rng([recipe.seed, step])
        songs = self.mixture.draw(rng, recipe.batch // group, recipe.frames)
        songs = with_jumps(songs, recipe.jumps, rng)
        songs = Batch(*(array.repeat(group, axis=0) for array in songs))
        noise = draw_noise(step_seed(recipe.seed, step), recipe.batch, recipe.frames)
        mine = self._mine()
        melody, chords, real = (torch.from_numpy(array[mine]).to(fabric.device) for array in songs)
        return Rollout(melody, chords, real, torch.zeros(())), noise[mine]

    def _mine(self) -> np.ndarray:
        """Which of the update's trajectories this process plays."""
        recipe, fabric = self.recipe, self.fabric
        shares = np.arange(recipe.batch).reshape(recipe.minibatches, fabric.world_size, -1)
        return shares[:, fabric.global_rank].ravel()

    def _minibatches(self) -> list[slice]:
        size = self.recipe.batch // self.fabric.world_size // self.recipe.minibatches
        return [slice(first * size, (first + 1) * size) for first in range(self.recipe.minibatches)]

    @torch.no_grad()
    def _reward(self, play: Rollout) -> tuple[Tensor, dict[str, Tensor]]:
        """The sum of all rewards, float [B, T], and the mean of each part over trajectories."""
        total = torch.zeros_like(play.log_probs)
        logged: dict[str, Tensor] = {}
        for reward in self.rewards:
            parts = reward.parts(play)
            for name, part in parts.items():
                logged[f"reward/{reward.name}/{name}"] = part.sum(1).mean()
            whole = reward.weight * torch.stack(list(parts.values())).sum(0)
            logged[f"reward/{reward.name}"] = whole.sum(1).mean()
            total += whole
        logged["reward/total"] = total.sum(1).mean()
        if self.recipe.credit == "trajectory":
            return total * play.real, logged
        # An episode's length is the melody's affair, so a reward that every frame gets teaches
        # nothing; and without it the critic need not count the frames that are left.
        count = self._total(play.real.sum().float())
        return (total - self._total(total.sum()) / count) * play.real, logged

    def _update_discriminator(
        self, adversary: AdversaryRecipe, songs: Rollout, play: Rollout
    ) -> dict[str, Tensor]:
        """What D makes of patchworks of data and play; then teach it, if its schedule says so.

        In one patchwork the chords are the data's where `from_data` and the policy's elsewhere, in
        the other the reverse: so half of all frames are real. Half of the rows are not mixed.
        """
        discriminator = self.learners["discriminator"]
        learns = adversary.schedule.learns(self.step, self.realism)
        chance = torch.Generator().manual_seed(step_seed(self.recipe.seed, self.step))
        from_data = patches(self.recipe.batch, self.recipe.frames, chance)[0][self._mine()]
        from_data = from_data.to(play.real.device)
        data, played = songs.of(self.part), play.of(self.part)
        patchworks = [
            play.with_part(self.part, self.part.strike(torch.where(from_data, *sources)))
            for sources in ((data, played), (played, data))
        ]
        # Melody, chords and what is real, [2, B, T] each; and the labels of all frames.
        parts = [torch.stack(both) for both in zip(*(work[:3] for work in patchworks), strict=True)]
        labels = torch.stack([from_data, ~from_data])

        def judge(rows: slice) -> tuple[Tensor, Tensor]:
            """The loss and the accuracy over real frames."""
            *heard, label = (both[:, rows].flatten(0, 1) for both in (*parts, labels))
            with self.fabric.autocast():
                logits = discriminator(*heard)
            soft = label * (1 - 2 * adversary.smoothing) + adversary.smoothing
            losses = F.binary_cross_entropy_with_logits(logits, soft, reduction="none")
            mean = self._mean_over(heard[-1])
            return mean(losses), mean(((logits > 0) == label).float())

        discriminator.eval()
        with torch.no_grad():
            loss, accuracy = judge(slice(None))
        logged = {"discriminator/loss": loss, "discriminator/accuracy": accuracy}
        if learns:
            discriminator.train()
            norms = []
            for rows in self._minibatches():
                loss, _ = judge(rows)
                norms.append(self._descend(loss, "discriminator"))
                self.optimizer.step()
                self.optimizer.zero_grad()
            logged["discriminator/gradient_norm"] = torch.stack(norms).mean()
        return {**logged, "discriminator/learns": loss.new_tensor(float(learns))}

    def _learn(
        self, play: Rollout, rewards: Tensor, advantages: Tensor | None
    ) -> dict[str, Tensor]:
        """One optimiser step on a mini-batch; returns what to log.

        Args:
            play: its trajectories.
            rewards: float [B, T].
            advantages: GRPO's; None: PPO's critic gives them, and learns.
        """
        logged: dict[str, Tensor] = {}
        if advantages is None:
            advantages, logged = self._ask_critic(play, rewards)
        logged |= self._improve_policy(play, advantages)
        self.optimizer.step()  # of both
        self.optimizer.zero_grad()
        return {name: value.detach() for name, value in logged.items()}

    def _ask_critic(self, play: Rollout, rewards: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The advantages, float [B, T], of what the critic expected; and its own gradients."""
        real, logged = play.real, {}
        with self.clock("critic"):
            with self.fabric.autocast():
                values = self.learners["critic"](play.melody, play.chords, real)
            advantages, returns = gae(rewards, values.detach(), real, decay=self.recipe.gae_decay)
            errors = returns - values
            logged["critic/loss"] = self._mean_over(real)(errors.square())
            logged["critic/gradient_norm"] = self._descend(logged["critic/loss"], "critic")
            logged["critic/explained_variance"] = explained_variance(errors, returns, real)
        return normalise(advantages, real, self._total), logged

    def _improve_policy(self, play: Rollout, advantages: Tensor) -> dict[str, Tensor]:
        """The policy's gradients: advantages, clipped; near the anchor; an entropy bonus.

        Each mini-batch is learnt from once: so the ratio is 1 everywhere in an update's first, and
        leaves 1 in the later ones, which were played by the policy before it. Dropout would make it
        something else from the start: the policy stays in evaluation mode.
        """
        recipe, mean = self.recipe, self._mean_over(play.real)
        actions = self.part.actions(play.of(self.part))[..., None]
        with self.clock("anchor"), torch.no_grad(), self.fabric.autocast():
            anchor_log_p = self._log_p(self.anchor(play.melody, play.chords, play.real))
        with self.clock("policy"):
            with self.fabric.autocast():
                log_p = self._log_p(self.policy(play.melody, play.chords).of(self.part))
            ratio = (log_p.gather(-1, actions).squeeze(-1) - play.log_probs).exp()
            objective = mean(clipped(ratio, advantages, recipe.clip))
            kl, spread = mean(divergence(log_p, anchor_log_p)), mean(entropy(log_p))
            loss = -objective + recipe.anchor_kl * kl - recipe.entropy * spread
            norm = self._descend(loss, "policy")
        return {
            "policy/gradient_norm": norm,
            "policy/objective": objective,
            "policy/anchor_kl": kl,
            "policy/entropy": spread,
            "policy/clip_fraction": mean(((ratio - 1).abs() > recipe.clip).float()),
        }

    def _log_p(self, logits: Tensor) -> Tensor:
        return (logits / self.recipe.temperature).log_softmax(-1)

    def _descend(self, loss: Tensor, name: str) -> Tensor:
        """One learner's gradients of a loss: the mean over processes, clipped; returns its norm.

        The norm is logged, and so a gradient that is no number ends the run before a checkpoint.
        """
        torch.autograd.backward(loss)
        parameters = list(self.learners[name].parameters())
        if self.fabric.world_size > 1:
            for parameter in parameters:
                if parameter.grad is not None:  # the policy's melody head has none
                    parameter.grad = self._mean(parameter.grad)
        return nn.utils.clip_grad_norm_(parameters, self.recipe.gradient_norm)

    def _set_learning_rates(self, step: int) -> None:
        factor = learning_rate(self.recipe, step) / self.recipe.learning_rate
        for name, group in zip(self.learners, self.optimizer.param_groups, strict=True):
            waits = name == "policy" and step < self.recipe.head_start
            group["lr"] = 0.0 if waits else group["peak"] * factor

    def _total(self, tensor: Tensor) -> Tensor:
        """The sum of a tensor over all processes."""
        if self.fabric.world_size == 1:
            return tensor
        total = self.fabric.all_reduce(tensor.clone(), reduce_op="sum")  # which sums in place
        assert isinstance(total, Tensor)
        return total

    def _mean(self, tensor: Tensor) -> Tensor:
        """The mean of a tensor over all processes."""
        return self._total(tensor) / self.fabric.world_size

    def _mean_over(self, real: Tensor) -> Callable[[Tensor], Tensor]:
        """The mean of values [B, T] where `real`, scaled so that its mean over processes is that of
        all of their frames together.
        """
        count = self._mean(real.sum().float())
        return lambda values: torch.where(real, values, 0.0).sum() / count


def check_sizes(recipe: PostTrainingRecipe, processes: int) -> None:
    """Refuse a batch that mini-batches, processes and groups do not share out evenly.

    Raises:
        UserError: the numbers do not divide.
    """
    if recipe.batch % (recipe.minibatches * processes):
        raise UserError(
            f"batch {recipe.batch} does not split into {recipe.minibatches} mini-batches"
            + (f" over {processes} processes" if processes > 1 else "")
        )
    share = recipe.batch // processes // recipe.minibatches
    if recipe.objective == "grpo" and share % recipe.group:
        raise UserError(
            f"a group of {recipe.group} does not fit into the {share} trajectories that each "
            "process has of a mini-batch"
        )


def post_train(
    recipe: PostTrainingRecipe, corpus: Corpus, out: Path, *, resume: bool = False
) -> None:
    """Post-train a policy by its recipe into the folder `out`.

    `best.safetensors` there is the policy of the last checkpoint.

    Raises:
        UserError: the folder cannot be used (see `Run`), a network cannot be loaded, or a loss is
            no longer a number.
    """
    recipe = resolved(recipe, out)
    fabric = launch(recipe)
    training = PostTraining(recipe, corpus, fabric)
    watch = Watch(recipe, corpus, training.judges)
    sizes, learnt_from = msgspec.to_builtins(training.policy.config), corpus.fingerprint()
    header = Header(model="post-training", config=sizes, corpus=learnt_from)
    policy_header = Header(model="policy", config=sizes, corpus=learnt_from)
    alarmed, first = False, fabric.is_global_zero

    with (
        Run(out, recipe, resume=resume, writes=first) as run,
        progress_bar(disable=not first) as progress,
    ):
        start = run.restore(header, training.learners, training.optimizer)
        # One an update; what a killed run has logged after its checkpoint is not for any process.
        training.realism = run.series(REALISM)[:start]
        bar = progress.add_task(out.name, total=recipe.steps, completed=start, note="")
        for step in range(start, recipe.steps):
            if step == 0:
                run.log(0, watch.look(training.policy))
            logged = training.update(step)
            done = step + 1
            run.log(done, logged)
            if done % recipe.validate_every == 0 or done == recipe.steps:
                seen = watch.look(training.policy)
                run.log(done, seen)
                run.save_best(msgspec.structs.replace(policy_header, step=done), training.policy)
                at = msgspec.structs.replace(header, step=done)
                run.save(at, training.learners, training.optimizer)
                progress.update(bar, note=watch.note(seen))
                if first:
                    alarm = watch.alarm(run.series("reward/coherence"), seen)
                    if alarm and not alarmed:
                        progress.console.print(f"update {done}: {alarm}")
                    alarmed = alarm is not None
            progress.update(bar, completed=done)
    fabric.barrier()  # the next stage reads what the first process has just written
