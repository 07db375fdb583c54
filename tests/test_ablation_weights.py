"""The shipped ablation: whole VAEs, a table that knows every run, and a sentence for a wrong name."""

import json
import re

import pytest
import torch

from recipes.ablation import SEEDS, plan
from recipes.arena_recipes import RECIPES
from vae_course.models.vae import VAE
from vae_course.weights import SHIPPED_SEEDS, STAGES, ablation_results, load_ablation


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_is_shipped_whole(stage):
    for seed in SHIPPED_SEEDS:
        model = load_ablation(stage, seed)
        assert type(model) is VAE and not model.training
        x = torch.rand(2, 1, 28, 28, generator=torch.Generator().manual_seed(0))
        assert model.reconstruct(x).shape == x.shape
    states = [
        load_ablation(stage, seed).state_dict()["decoder.layers.0.weight"] for seed in SHIPPED_SEEDS[:2]
    ]
    assert not torch.equal(*states)


def test_the_table_holds_every_run_and_agrees_with_its_own_sums():
    table = ablation_results()
    runs = table["runs"]
    assert {(run["name"], run["seed"]) for run in runs} == {(s, seed) for s in STAGES for seed in SEEDS[s]}
    for run in runs:
        assert "failed" in run or run["negative_elbo"] == pytest.approx(run["distortion"] + run["rate"])
    assert json.loads(json.dumps(table["settings"]["adversary"])) == RECIPES["vae_gan"]


def test_stages_differ_by_their_weights_alone():
    settings = {stage: run.settings for stage, run in plan() if run.seed == 0}
    changed = {
        key for key in settings["adversary"] for s in STAGES if settings[s][key] != settings["adversary"][key]
    }
    assert changed == {"pixel_weight", "feature_weight", "adversary_weight"}


def test_an_unknown_model_is_answered_with_those_that_exist():
    with pytest.raises(ValueError, match=re.escape("shipped are: adversary_0, adversary_1")):
        load_ablation("pixels", 0)
