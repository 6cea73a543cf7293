"""Recipes: only what differs is said, and a typo is named."""

import msgspec
import pytest

from gapt.errors import UserError
from gapt.training.recipes import (
    POLICY_RECIPES,
    POST_TRAINING_RECIPES,
    PRESETS,
    RECIPES,
    load_recipe,
)
from gapt.training.run import Run


def written(tmp_path, text):
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.yaml")), ids=lambda path: path.stem)
def test_our_recipes_load(path):
    stage, *variant, preset = path.stem.split("-")
    recipe = load_recipe(path, stage)
    if variant != ["rhythm"]:
        assert recipe.transformer == PRESETS[stage][preset].transformer
    assert getattr(recipe, "rhythm", False) == ("rhythm" in variant)
    assert (getattr(recipe, "part", "chords") == "melody") == ("melody" in variant)


@pytest.mark.parametrize("path", sorted(RECIPES.glob("rl/*.yaml")), ids=lambda path: path.stem)
def test_our_post_training_recipes_load(path):
    system, _, preset = path.stem.removesuffix("-32").rpartition("-")
    recipe = load_recipe(path, "rl")
    base = POST_TRAINING_RECIPES[preset]
    if "following" not in system:  # which goes on from another run
        assert (recipe.batch, recipe.steps) == (base.batch, base.steps)
    without = system in ("realchords", "grpo") or system.endswith("no-adv")
    assert (recipe.adversary is None) == without
    assert (recipe.objective == "grpo") == system.startswith("grpo")


def test_sections_change_key_by_key_and_numbers_may_have_exponents(tmp_path):
    text = "preset: small\nlearning_rate: 2e-5\nadversary: {schedule: {every: 2}}\n"
    recipe = load_recipe(written(tmp_path, text), "rl")
    base = POST_TRAINING_RECIPES["small"].adversary
    assert recipe.learning_rate == 2e-5
    assert recipe.adversary.schedule.every == 2
    assert recipe.adversary.schedule.first == base.schedule.first
    assert recipe.adversary.transformer == base.transformer


@pytest.mark.parametrize("name", ["rl/realchords-small", "rl/gapt-paper"])
def test_a_run_s_own_configuration_is_a_recipe(tmp_path, name):
    recipe = load_recipe(RECIPES / f"{name}.yaml", "rl")
    with Run(tmp_path, msgspec.structs.replace(recipe, seed=3), resume=False) as run:
        pass
    again = load_recipe(run.folder / "config.yaml", "rl")
    assert again == msgspec.structs.replace(recipe, seed=3)
    with pytest.raises(UserError, match="must say which preset"):
        load_recipe(run.folder / "config.yaml", "policy")


def test_a_recipe_changes_what_it_names_and_no_more(tmp_path):
    recipe = load_recipe(
        written(tmp_path, "preset: tiny\nsteps: 7\ntransformer: {layers: 3}\n"), "policy"
    )
    tiny = POLICY_RECIPES["tiny"]
    assert (recipe.steps, recipe.transformer.layers) == (7, 3)
    assert (recipe.batch, recipe.transformer.dim) == (tiny.batch, tiny.transformer.dim)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("preset: tiny\nstep: 3\n", "unknown key 'step'. Did you mean 'steps'?"),
        ("preset: tiny\ntransformer: {dims: 3}\n", "unknown key 'dims'. Did you mean 'dim'?"),
        ("preset: tiny\nsteps: many\n", "steps: Expected `int`, got `str`"),
        ("preset: tiny\nsteps: -5\n", "steps: Expected `int` >= 1"),
        ("preset: tiny\ntransformer: {heads: 3}\n", "dim 32 does not split into 3 even heads"),
        ("preset: tiny\ntransformer: {causal: false}\n", "which of its parts are causal"),
        ("preset: tiny\nmixture: {tunes: -1}\n", "Expected `float` >= 0"),
        ("preset: tiny\nmixture: {tunes: .inf}\n", "Expected `float` <= 1000000"),
        ("preset: tiny\nbetas: [0.9, 1]\n", "Expected `float` < 1"),
        ("preset: tiny\nprecision: fp8\n", "unknown value 'fp8'. Known: 32-true, bf16-mixed."),
        ("preset: tiny\nseed: 99999999999999999999\n", "seed: "),
        ("preset: [tiny]\n", "no preset"),
        ("stage: rl\npreset: tiny\n", "is for 'gapt train rl', not for 'policy'"),
        ("preset: smal\n", "no preset 'smal'. Did you mean 'small'?"),
        ("steps: 3\n", "must say which preset it starts from"),
        ("- 1\n", "must say which preset"),
        ("preset: [tiny\n", "is not YAML"),
        ("preset: tiny\nstart: !!python/object/apply:os.getcwd []\n", "is not YAML"),
        ("preset: tiny\nsteps: 5\nsteps: 6\n", "is not YAML: .steps. is there twice .*line 3"),
        ("preset: tiny\ntransformer: {dim: 32, dim: 64}\n", "is not YAML: .dim. is there twice"),
    ],
)
def test_typos_are_named(tmp_path, text, message):
    with pytest.raises(UserError, match=message):
        load_recipe(written(tmp_path, text), "policy")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("objective: grpo\ngroup: 1\n", "'group' is at least 2"),
        ("head_start: 40\n", "the policy would never learn"),
        ("adversary: {smoothing: 0.5}\n", "smoothing: Expected `float` < 0.5"),
        ("adversary: {schedule: {threshold: .nan}}\n", "threshold"),
    ],
)
def test_what_would_teach_nothing_is_refused(tmp_path, text, message):
    with pytest.raises(UserError, match=message):
        load_recipe(written(tmp_path, f"preset: tiny\n{text}"), "rl")


def test_a_recipe_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match=r"cannot read recipe .*none\.yaml"):
        load_recipe(tmp_path / "none.yaml", "policy")
