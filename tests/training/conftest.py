"""What post-training starts from, pretrained on the built-in tunes at `tiny`."""

from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from gapt.corpora.store import Corpus
from gapt.training.judge import train_contrastive, train_discriminative
from gapt.training.pretrain import train_anchor, train_policy
from gapt.training.recipes import (
    ANCHOR_RECIPES,
    CONTRASTIVE_RECIPES,
    DISCRIMINATIVE_RECIPES,
    POLICY_RECIPES,
    POST_TRAINING_RECIPES,
    PostTrainingRecipe,
)


class Pretrained(NamedTuple):
    """A corpus, and a recipe that starts from networks trained on it."""

    corpus: Path
    recipe: PostTrainingRecipe


@pytest.fixture(scope="session")
def pretrained(tunes, tmp_path_factory) -> Pretrained:
    """GAPT at `tiny`, ready to be trained."""
    runs, corpus = tmp_path_factory.mktemp("pretrained"), Corpus.load(tunes)
    train_policy(POLICY_RECIPES["tiny"], corpus, runs / "policy")
    train_anchor(ANCHOR_RECIPES["tiny"], corpus, runs / "anchor")
    judges = runs / "judges"
    train_contrastive(CONTRASTIVE_RECIPES["tiny"], corpus, judges / "contrastive-0")
    train_discriminative(DISCRIMINATIVE_RECIPES["tiny"], corpus, judges / "discriminative-0")
    recipe = msgspec.structs.replace(
        POST_TRAINING_RECIPES["tiny"],
        start=str(runs / "policy"),
        anchor=str(runs / "anchor"),
        judges=str(judges),
    )
    return Pretrained(tunes, recipe)
