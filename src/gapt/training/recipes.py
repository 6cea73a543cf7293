"""Recipes: what a training run does, as a typed preset plus the few lines of YAML that differ.

    preset: small
    steps: 5000
    transformer: {layers: 6}

A misspelt key or a wrong type is refused by name before anything starts.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_type_hints

import msgspec
import yaml
from msgspec import Meta

from gapt.errors import UserError, did_you_mean
from gapt.models.presets import JUDGE_PRESETS, POLICY_PRESETS
from gapt.models.transformer import Count, TransformerConfig
from gapt.training.schedule import ALWAYS, TwoPhase

Whole = Annotated[int, Meta(ge=0, le=2**63 - 1)]  # of a seed torch takes no more
Positive = Annotated[float, Meta(gt=0, le=1e6)]  # infinity is no weight
Weight = Annotated[float, Meta(ge=0, le=1e6)]
Share = Annotated[float, Meta(ge=0, le=1)]
Beta = Annotated[float, Meta(ge=0, lt=1)]


class Recipe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every stage is told.

    Attributes:
        steps: optimiser updates; of the policy, in reinforcement learning.
        batch: windows per update, over all processes together; a discriminative judge sees each
            twice.
        mixture: share of a batch that each corpus provides; corpora that are not there are left
            out and the rest scaled up.
        learning_rate: peak; reached linearly over `warmup` steps, then a cosine down to
            `final_learning_rate` of it.
        precision: as Lightning Fabric names it; None: the one that the device is fast in, which the
            run's `config.yaml` then names.
        validate_every: steps between validations, and between checkpoints.
        validation_songs: how many songs of the valid split, at most.
    """

    steps: Count
    batch: Count
    learning_rate: Positive
    mixture: dict[str, Weight] = msgspec.field(
        default_factory=lambda: {"hooktheory": 0.6, "pop909": 0.3, "nottingham": 0.1}
    )
    warmup: Whole = 100
    final_learning_rate: Share = 0.1
    betas: tuple[Beta, Beta] = (0.9, 0.95)
    weight_decay: Weight = 0.01
    gradient_norm: Positive = 1.0
    precision: Literal["bf16-mixed", "32-true"] | None = None
    validate_every: Count = 100
    validation_songs: Count = 256
    seed: Whole = 0


class SupervisedRecipe(Recipe, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every supervised stage is told: `transformer`, sizes of the network, too."""

    transformer: TransformerConfig

    def __post_init__(self) -> None:
        if not self.transformer.causal:
            raise ValueError("a network knows itself which of its parts are causal; leave it out")


class LikelihoodRecipe(SupervisedRecipe, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The policy's maximum likelihood (Wu et al., arXiv 2511.17879, appendix).

    `start`, `wrong_past` and `own_past` are ours; the paper has none of them.

    Attributes:
        frames: length of a window.
        start: the network to start from, a shipped one's name or a path; None: from nothing.
        wrong_past: share of the windows whose chords, up to a random chord's onset, are heard in
            another key than the melody; nothing is learnt there, but from that onset on the true
            chords are. Teaches to recover from one's own mistakes, of which data has none.
        own_past: share of the windows whose past is what the network itself has played there, its
            targets being what would mend that (`gapt.training.pretrain.corrections`).
    """

    frames: Count = 256
    start: str | None = None
    wrong_past: Share = 0.0
    own_past: Share = 0.0


class AnchorRecipe(LikelihoodRecipe, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The anchor's: `part` is the one that it plays, knowing all of the other."""

    part: Literal["chords", "melody"] = "chords"


class JudgeRecipe(SupervisedRecipe, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A coherence reward model (Wu et al., arXiv 2511.17879; arXiv 2506.14723, section 4.3).

    Attributes:
        rhythm: see onsets, holds and silence only.
        lengths: windows of a batch are all of one of these lengths, in frames, drawn at each step:
            so the judge cannot tell pairs apart by length, and judges all lengths.
    """

    rhythm: bool = False
    lengths: Annotated[tuple[Annotated[int, Meta(ge=2)], ...], Meta(min_length=1)] = (
        64, 96, 128, 192, 256
    )  # fmt: skip


class AdversaryRecipe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """GAPT's discriminator (Wu et al., section 4.2).

    Attributes:
        transformer: its sizes.
        learning_rate: peak, of the same shape as the policy's.
        weight: of its reward in the sum.
        hears_both: D(x, y), which judges chords to their melody; if not, D(y), as published.
        smoothing: how far the labels of real and played chords are from 1 and 0.
        schedule: when it learns.
    """

    transformer: TransformerConfig
    learning_rate: Positive
    weight: Weight = 1.0
    hears_both: bool = True
    smoothing: Annotated[float, Meta(ge=0, lt=0.5)] = 0.1
    schedule: TwoPhase = TwoPhase()


class Ensemble(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much each kind of coherence judge counts, beside the others.

    As published all alike, and no generative one, which is ours.
    """

    contrastive: Weight = 1.0
    discriminative: Weight = 1.0
    contrastive_rhythm: Weight = 1.0
    discriminative_rhythm: Weight = 1.0
    generative: Weight = 0.0


class PostTrainingRecipe(Recipe, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Reinforcement learning for coherence, and GAPT's adversary (sections 4 and 5).

    Attributes:
        part: the one that learns to be played; the data gives the other. "melody" makes the
            melody agent (section 4.4).
        start: the policy to start from: a shipped model's name, a run or a checkpoint.
        anchor: likewise the offline anchor.
        judges: the folder of the coherence judges; None: the shipped ones.
        adversary: GAPT's discriminator; None: none.
        objective: "ppo", with a critic; or "grpo" (Dr.GRPO), with groups of rollouts to a melody.
        group: trajectories to each melody, for "grpo".
        frames: length of a trajectory.
        jumps: share of the songs that go on in another key from a random beat on, for the policy to
            learn to leave a key as soon as it is wrong; 0: none, as published.
        minibatches: in how many parts a batch is learnt from, once each.
        temperature: of the sampling, and of every probability that is learnt from.
        coherence, rules: weights of the rewards.
        ensemble: of the judges in the former.
        contrast: share that is taken off of what the same chords score under the melody of other
            bars (`gapt.training.rewards.Coherence`); 0: nothing, as published.
        gaps: share of the frames that may be without a chord at no cost.
        repeats: how many times running a chord may be struck again at no cost.
        credit: "frame": a score is told by frame; "trajectory": at the last decision, as published.
        anchor_kl: beta, of the divergence from the anchor.
        entropy: gamma, of the entropy bonus.
        clip: PPO's epsilon.
        gae_decay: lambda.
        critic_learning_rate: peak, of the same shape as the policy's.
        foresight: whether the critic knows all of the other part, as the anchor does, from whose
            weights it then starts (`gapt.models.critic`).
        head_start: updates in which the critic and the discriminator learn, and the policy not yet:
            what they say before they know anything would only spoil it. Warm-up passes meanwhile.
        diversity_alarm: when coherence has risen, and the Vendi score or the effective number of
            chords (the exponential of their entropy) is below this share of the data's, the run
            says that the rewards are being hacked.
        compile: whether a GPU runs the networks compiled (`torch.compile`): sooner, but the first
            updates take longer by what the compiler takes, and it has to be there (Triton).
    """

    part: Literal["chords", "melody"] = "chords"
    start: str = "mle"
    anchor: str = "anchor"
    judges: str | None = None
    adversary: AdversaryRecipe | None
    objective: Literal["ppo", "grpo"] = "ppo"
    group: Count = 4
    frames: Count = 256
    jumps: Share = 0.0
    minibatches: Count = 8
    temperature: Positive = 0.99
    coherence: Weight = 1.0
    rules: Weight = 1.0
    ensemble: Ensemble = Ensemble()
    contrast: Share = 0.0
    gaps: Share = 0.04
    repeats: Whole = 3
    credit: Literal["frame", "trajectory"] = "frame"
    anchor_kl: Weight = 0.001
    entropy: Weight = 0.01
    clip: Positive = 0.2
    gae_decay: Share = 0.95
    critic_learning_rate: Positive
    foresight: bool = False
    head_start: Whole = 0
    diversity_alarm: Share = 0.8
    compile: bool = False

    def __post_init__(self) -> None:
        if self.objective == "grpo" and self.group < 2:
            raise ValueError("GRPO compares the trajectories of a group: 'group' is at least 2")
        if self.head_start >= self.steps:
            raise ValueError(
                f"with 'head_start: {self.head_start}' of {self.steps} steps the policy would "
                "never learn"
            )


# What makes `tiny` quick.
_TINY: dict[str, Any] = {
    "mixture": {"tunes": 1.0},
    "warmup": 10,
    "precision": "32-true",
    "validate_every": 20,
}
_TINY_LIKELIHOOD: dict[str, Any] = {
    **_TINY, "steps": 60, "batch": 8, "learning_rate": 1e-2, "frames": 64
}  # fmt: skip
# Adam as published, at a constant rate once warm.
_PAPER_LIKELIHOOD: dict[str, Any] = {
    "batch": 64,
    "learning_rate": 1e-4,
    "final_learning_rate": 1.0,
    "betas": (0.9, 0.999),
    "weight_decay": 0.0,
}

POLICY_RECIPES = {
    "tiny": LikelihoodRecipe(transformer=POLICY_PRESETS["tiny"], **_TINY_LIKELIHOOD),
    "small": LikelihoodRecipe(
        transformer=POLICY_PRESETS["small"], steps=3000, batch=32, learning_rate=1e-3
    ),
    "paper": LikelihoodRecipe(
        transformer=POLICY_PRESETS["paper"], steps=11_000, **_PAPER_LIKELIHOOD
    ),
}

ANCHOR_RECIPES = {
    "tiny": AnchorRecipe(transformer=POLICY_PRESETS["tiny"], **_TINY_LIKELIHOOD),
    "small": AnchorRecipe(
        transformer=POLICY_PRESETS["small"], steps=1500, batch=32, learning_rate=1e-3
    ),
    "paper": AnchorRecipe(transformer=POLICY_PRESETS["paper"], steps=13_000, **_PAPER_LIKELIHOOD),
}

_TINY_JUDGE = JudgeRecipe(
    transformer=JUDGE_PRESETS["tiny"],
    steps=60,
    batch=16,
    learning_rate=3e-3,
    lengths=(32, 48, 64),
    **_TINY,
)

CONTRASTIVE_RECIPES = {
    "tiny": _TINY_JUDGE,
    "small": JudgeRecipe(
        transformer=JUDGE_PRESETS["small"], steps=600, batch=96, learning_rate=1e-3
    ),
    "paper": JudgeRecipe(  # published: 196, which 8 GPUs cannot share
        transformer=JUDGE_PRESETS["paper"], steps=8000, batch=192, learning_rate=1e-4
    ),
}

DISCRIMINATIVE_RECIPES = {
    "tiny": _TINY_JUDGE,
    "small": JudgeRecipe(
        transformer=JUDGE_PRESETS["small"], steps=600, batch=64, learning_rate=1e-3
    ),
    "paper": JudgeRecipe(
        transformer=JUDGE_PRESETS["paper"], steps=3000, batch=128, learning_rate=1e-4
    ),
}

GENERATIVE_RECIPES = {
    **DISCRIMINATIVE_RECIPES,
    "small": msgspec.structs.replace(DISCRIMINATIVE_RECIPES["small"], steps=500),
}
"""Not in the papers."""

POST_TRAINING_RECIPES = {
    "tiny": PostTrainingRecipe(
        adversary=AdversaryRecipe(
            transformer=JUDGE_PRESETS["tiny"],
            learning_rate=3e-3,
            schedule=TwoPhase(first=20, every=2),
        ),
        steps=40,
        batch=16,
        minibatches=4,
        frames=64,
        learning_rate=1e-3,
        critic_learning_rate=3e-3,
        weight_decay=0.0,
        **_TINY,
    ),
    "small": PostTrainingRecipe(
        adversary=AdversaryRecipe(
            transformer=TransformerConfig(dim=128, layers=3, heads=4, dropout=0.1),
            learning_rate=1e-3,
            weight=2.5,
            # This policy moves faster than the published one, so its adversary learns each time.
            schedule=ALWAYS,
        ),
        start="recover",
        steps=200,
        batch=64,
        frames=128,
        # The data's own silence is mostly that of a few songs.
        gaps=0.02,
        # Songs seldom strike again what sounds.
        repeats=0,
        # What fits is told by the discriminative judges; to the others most of a frame's credit is
        # of other frames (`gapt credit`).
        ensemble=Ensemble(
            contrastive=0.5,
            discriminative=2.5,
            contrastive_rhythm=0.25,
            discriminative_rhythm=1.0,
        ),
        learning_rate=2e-4,
        critic_learning_rate=6e-4,
        entropy=0.002,
        warmup=10,
        weight_decay=0.0,
        validate_every=20,
        validation_songs=64,
    ),
    "paper": PostTrainingRecipe(
        adversary=AdversaryRecipe(transformer=POLICY_PRESETS["paper"], learning_rate=9e-5),
        # Those that are shipped are a twelfth of the size.
        start="runs/mle",
        anchor="runs/anchor",
        judges="runs/judges",
        steps=1000,
        batch=384,
        learning_rate=5e-6,
        critic_learning_rate=9e-5,
        credit="trajectory",
        weight_decay=0.0,
        validate_every=50,
        compile=True,
    ),
}
"""GAPT. `paper` has the learning rates of the authors' released settings."""

PRESETS: dict[str, Mapping[str, Recipe]] = {
    "policy": POLICY_RECIPES,
    "anchor": ANCHOR_RECIPES,
    "contrastive": CONTRASTIVE_RECIPES,
    "discriminative": DISCRIMINATIVE_RECIPES,
    "generative": GENERATIVE_RECIPES,
    "rl": POST_TRAINING_RECIPES,
}
"""By stage: what `gapt train` is told to train."""

RECIPES = Path(__file__).parents[1] / "recipes"
"""The folder of our own recipes."""


class _EachKeyOnce(yaml.SafeLoader):
    """YAML forbids a key that is there twice; PyYAML takes the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if (said := str(key.value)) in seen:
                problem = f"'{said}' is there twice"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
            seen.add(said)
        return super().construct_mapping(node, deep)


def load_recipe(path: Path, stage: str) -> Any:
    """Read a recipe, of the type of the presets of its `stage`.

    It may say which stage it is for, as all of ours do; then it is for no other. One that says
    everything, as a run's `config.yaml` does, needs no preset.

    Raises:
        UserError: no such file, not YAML, for another stage, an unknown preset or key, or a wrong
            type; the message names it.
    """
    presets = PRESETS[stage]
    try:
        written = yaml.load(path.read_text(), _EachKeyOnce)
    except OSError as error:
        raise UserError(f"cannot read recipe {path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"recipe {path} is not YAML: {' '.join(str(error).split())}") from None
    any_preset, base = next(iter(presets.items()))
    if isinstance(written, dict) and written.keys() >= set(type(base).__struct_fields__):
        written.setdefault("preset", any_preset)
    if not isinstance(written, dict) or "preset" not in written:
        raise UserError(
            f"recipe {path} must say which preset it starts from, e.g. 'preset: small'. "
            f"{did_you_mean('', presets)}"
        )
    if (meant := written.pop("stage", stage)) != stage:
        raise UserError(f"recipe {path} is for 'gapt train {meant}', not for '{stage}'")
    preset = str(written.pop("preset"))
    if preset not in presets:
        raise UserError(f"recipe {path}: no preset '{preset}'. {did_you_mean(preset, presets)}")
    base = presets[preset]
    merged = _merge(msgspec.to_builtins(base), written, f"recipe {path}")
    try:
        # Not strict: YAML 1.1 takes 1e-4 for a string.
        return msgspec.convert(merged, type(base), strict=False)
    except msgspec.ValidationError as error:
        problem, _, where = str(error).partition(" - at `$.")
        key = where.rstrip("`")
        if problem.startswith("Invalid enum value"):
            value, names = str(merged[key]), _names(type(base), key)
            problem = f"unknown value '{value}'. {did_you_mean(value, names)}"
        raise UserError(f"recipe {path}: {key}{': ' if key else ''}{problem}") from None


def _names(recipe: type, key: str) -> list[str]:
    """Those that a recipe's key takes."""
    kind = get_type_hints(recipe)[key]
    return [name for k in (kind, *get_args(kind)) for name in get_args(k) if isinstance(name, str)]


def _merge(base: dict[str, Any], changes: dict[str, Any], where: str) -> dict[str, Any]:
    """`base` with `changes` laid over it, section by section; only known keys."""
    merged = dict(base)
    for key, value in changes.items():
        if key not in base:
            raise UserError(f"{where}: unknown key '{key}'. {did_you_mean(str(key), base)}")
        # What a mixture holds is the recipe's own affair; all other sections have fixed keys.
        nested = key != "mixture" and isinstance(base[key], dict) and isinstance(value, dict)
        merged[key] = _merge(base[key], value, f"{where}, {key}") if nested else value
    return merged
