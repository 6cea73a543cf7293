"""What post-training starts from, pretrained on the built-in tunes at `tiny`."""

from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from gapt.corpora.store import Corpus
from gapt.training.recipes import (
    ANCHOR_RECIPES,
    CONTRASTIVE_RECIPES,
    DISCRIMINATIVE_RECIPES,
    POLICY_RECIPES,
    POST_TRAINING_RECIPES,
    PostTrainingRecipe,
)
from gapt.training.stages import train


class Pretrained(NamedTuple):
    """A corpus, and a recipe that starts from networks trained on it."""

    corpus: Path
    recipe: PostTrainingRecipe


@pytest.fixture(scope="session")
def pretrained(tunes, tmp_path_factory) -> Pretrained:
    """GAPT at `tiny`, ready to be trained."""
    runs, corpus = tmp_path_factory.mktemp("pretrained"), Corpus.load(tunes)
    train("policy", POLICY_RECIPES["tiny"], corpus, runs / "policy")
    train("anchor", ANCHOR_RECIPES["tiny"], corpus, runs / "anchor")
    judges = runs / "judges"
    train("contrastive", CONTRASTIVE_RECIPES["tiny"], corpus, judges / "contrastive-0")
    train("discriminative", DISCRIMINATIVE_RECIPES["tiny"], corpus, judges / "discriminative-0")
    recipe = msgspec.structs.replace(
        POST_TRAINING_RECIPES["tiny"],
        start=str(runs / "policy"),
        anchor=str(runs / "anchor"),
        judges=str(judges),
    )
    return Pretrained(tunes, recipe)
