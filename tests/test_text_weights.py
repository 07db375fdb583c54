"""Shipped text models: they load, know their vocabulary, and a missing one is one sentence."""

import pytest
import torch

from recipes import text_models
from vae_course import evaluate, load
from vae_course import weights as text_weights
from vae_course.evaluation.text import NGram, bits_per_token
from vae_course.weights import load_text_model


def test_training_writes_what_loading_reads(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(text_weights, "WEIGHTS", tmp_path)
    sizes = {"latent_dim": 2, "hidden_dim": 8, "embedding_dim": 4}
    monkeypatch.setitem(text_models.RECIPES, "invented_names", (sizes, {"epochs": 1, "batch_size": 500}))
    assert text_models.main(["invented_names", "--seeds", "3"]) == 0
    assert "bits for each token" in capsys.readouterr().out
    model, tokenizer = load_text_model("invented_names", seed=3)
    data = load("invented_names", "validation")
    assert tokenizer == data.tokenizer and not model.training
    assert next(model.parameters()).dtype == torch.float32
    with pytest.raises(ValueError, match="text_models"):
        load_text_model("invented_names", seed=4)


def test_data_can_be_read_with_another_vocabulary():
    names, sentences = load("invented_names", subset=20), load("invented_sentences", subset=20)
    again = names.with_tokenizer(names.tokenizer)
    assert torch.equal(again.tokens[:, : names.tokens.shape[1]][:, : again.tokens.shape[1]], again.tokens)
    other = names.with_tokenizer(sentences.tokenizer)
    assert other.texts == names.texts and other.tokenizer == sentences.tokenizer


@pytest.mark.parametrize("name", ["invented_names", "invented_sentences"])
def test_the_shipped_models_know_their_texts(name):
    model, tokenizer = load_text_model(name)
    held_out = load(name, "validation").with_tokenizer(tokenizer)
    bits = bits_per_token(evaluate(model, held_out).negative_elbo.value, held_out)
    pairs = bits_per_token(-NGram(load(name), 2).log_prob(held_out.tokens).mean().item(), held_out)
    assert bits < pairs
    drawn = tokenizer.decode(model.sample(50, torch.Generator().manual_seed(0)))
    assert len(set(drawn)) > 30
