"""The text VAE: padding never counts, the future never leaks, and it works with the course's tools."""

import math

import pytest
import torch

from vae_course import elbo_terms, evaluate, fit, importance_weighted_bound, load, seed_everything
from vae_course.data.text import END, PAD, START, UNKNOWN, padding_mask
from vae_course.evaluation.code_use import collapse_report
from vae_course.models.text import TextVAE


@pytest.fixture
def data():
    return load("invented_names", subset=60)


def small(data, **arguments):
    seed_everything(0)
    return TextVAE.for_data(
        data, **{"latent_dim": 3, "hidden_dim": 12, "embedding_dim": 6, **arguments}
    ).eval()


def test_terms_have_the_shapes_of_every_other_model(data):
    model, x = small(data), data.batch(slice(0, 7))
    terms = elbo_terms(model, x, torch.Generator().manual_seed(0))
    assert terms.reconstruction.shape == terms.kl.shape == (7,) and terms.kl_per_dimension.shape == (7, 3)
    z = torch.randn(4, 7, 3)
    together = model.log_likelihood(x, z)
    assert together.shape == (4, 7)
    for one, codes in zip(together, z, strict=True):
        torch.testing.assert_close(one, model.log_likelihood(x, codes))


def test_padding_changes_nothing(data):
    model, x = small(data), data.batch(slice(0, 7))
    wider = torch.cat([x, torch.full((7, 5), PAD)], dim=1)
    torch.testing.assert_close(model.encode(x).mean, model.encode(wider).mean)
    z = torch.randn(7, 3)
    torch.testing.assert_close(model.log_likelihood(x, z), model.log_likelihood(wider, z))
    assert (model.token_log_probs(wider, z)[~padding_mask(wider)] == 0).all()
    alone = torch.stack([model.log_likelihood(x[[i], : int(data.lengths[i])], z[[i]])[0] for i in range(7)])
    torch.testing.assert_close(alone, model.log_likelihood(x, z))


def test_no_token_is_predicted_from_itself_or_from_later_ones(data):
    model, x = small(data), data.batch(slice(0, 7))
    z = torch.randn(7, 3)
    changed = x.clone()
    changed[:, 3:] = torch.where(x[:, 3:] > UNKNOWN, 5, x[:, 3:])
    before, after = model.token_log_probs(x, z), model.token_log_probs(changed, z)
    torch.testing.assert_close(before[:, :3], after[:, :3])
    assert not torch.allclose(before, after)


def test_probabilities_of_all_texts_add_up_to_one():
    """Two letters and unknown: all texts of up to 5 tokens, and the mass that goes on beyond them."""
    seed_everything(0)
    model = TextVAE(6, latent_dim=2, hidden_dim=5, embedding_dim=4).eval()
    torch.nn.init.normal_(model.to_logits.bias)
    z, total, open_ = torch.randn(1, 2), 0.0, [[]]
    for _ in range(5):
        for prefix in open_:
            total += model.log_likelihood(torch.tensor([[*prefix, END]]), z).exp().item()
        open_ = [[*prefix, token] for prefix in open_ for token in (UNKNOWN, 4, 5)]
    beyond = sum(model.log_likelihood(torch.tensor([prefix]), z).exp().item() for prefix in open_)
    assert total + beyond == pytest.approx(1, abs=1e-5)
    impossible = model.log_likelihood(torch.tensor([[START, END]]), z)
    assert impossible == -math.inf


def test_the_untrained_model_starts_from_the_frequencies(data):
    model = small(data)
    assert evaluate(model, data).reconstruction.value / data.lengths.float().mean() < math.log(
        len(data.tokenizer) - 2
    )


def test_words_are_dropped_in_training_only_and_the_same_again_after_a_resume(data):
    model, x = small(data, word_dropout=0.5), data.batch(slice(0, 20))
    z = torch.zeros(20, 3)
    assert torch.equal(model.log_likelihood(x, z), model.log_likelihood(x, z))
    kept = {name: value.clone() for name, value in model.state_dict().items()}
    model.train()
    first = [model.log_likelihood(x, z) for _ in range(2)]
    assert not torch.equal(*first)
    model.load_state_dict(kept)
    assert all(torch.equal(a, model.log_likelihood(x, z)) for a in first)
    blind = small(data, word_dropout=1.0).train()
    other = torch.where((x > UNKNOWN) & (torch.arange(x.shape[1]) > 0), 4, x)
    read = [blind.token_log_probs(tokens, z) for tokens in (x, other)]
    same = x == other
    torch.testing.assert_close(read[0][same], read[1][same])


def test_writing_follows_the_probabilities(data):
    model = small(data)
    z = torch.randn(9, 3)
    greedy = model.write(z, longest=6)
    assert greedy.shape[1] <= 7 and ((greedy == END).sum(1) == 1).all() and not (greedy == UNKNOWN).any()
    ended = (greedy == END).cumsum(1) > 0
    assert torch.equal(~padding_mask(greedy), ended & (greedy != END))
    cold = model.write(z, longest=6, temperature=1e-4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(cold, greedy)
    draws = model.write(z[:1].repeat(4000, 1), 1, 1.0, torch.Generator().manual_seed(0))[:, 0]
    first = model.token_log_probs(torch.tensor([[END]]), z[:1]).exp().item()
    unknown = model.token_log_probs(torch.tensor([[UNKNOWN]]), z[:1]).exp().item()
    expected = first / (1 - unknown)
    assert (draws == END).double().mean().item() == pytest.approx(
        expected, abs=4 * math.sqrt(expected / 4000)
    )


def test_training_lowers_the_bound_and_the_panel_reads_it(data):
    model = small(data)
    history = fit(
        model,
        data,
        data,
        epochs=12,
        batch_size=10,
        learning_rate=0.02,
        kl_warmup=0.5,
        free_bits=0.1,
        progress=False,
    )
    values = history.curve("validation", "negative_elbo")[1]
    assert values[-1] < 0.9 * values[0]
    assert collapse_report(model, data).rate.value > 0.2
    bound = importance_weighted_bound(model, data, k=50).value
    assert -bound < evaluate(model, data, n_samples=20).negative_elbo.value


def test_a_resumed_run_with_word_dropout_equals_an_uninterrupted_one(data, tmp_path):
    settings = {"epochs": 2, "batch_size": 20, "progress": False, "seed": 3}
    whole = small(data, word_dropout=0.4)
    fit(whole, data, **settings, checkpoint=tmp_path / "whole.pt")
    halves = small(data, word_dropout=0.4)

    class Stop(Exception):
        pass

    count = 0

    def stopping(model, x, generator):
        nonlocal count
        count += model.training
        if count > 4:
            raise Stop
        return elbo_terms(model, x, generator)

    with pytest.raises(Stop):
        fit(halves, data, **settings, checkpoint=tmp_path / "half.pt", objective=stopping)
    again = small(data, word_dropout=0.4)
    fit(again, data, **settings, checkpoint=tmp_path / "half.pt", resume=True)
    for a, b in zip(whole.state_dict().values(), again.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_without_a_code_it_is_a_language_model(data):
    model, x = small(data, uses_code=False), data.batch(slice(0, 7))
    terms = elbo_terms(model, x)
    assert (terms.kl == 0).all()
    torch.testing.assert_close(terms.reconstruction, elbo_terms(model, x).reconstruction)
    assert collapse_report(model, data).active_units == 0


def test_data_can_be_read_with_another_vocabulary(data):
    again, sentences = data.with_tokenizer(data.tokenizer), load("invented_sentences", subset=20)
    width = min(again.tokens.shape[1], data.tokens.shape[1])
    assert torch.equal(again.tokens[:, :width], data.tokens[:, :width])
    other = data.with_tokenizer(sentences.tokenizer)
    assert other.texts == data.texts and other.tokenizer == sentences.tokenizer


def test_bad_arguments_are_sentences(data):
    model = small(data)
    with pytest.raises(ValueError, match="takes tokens, int64"):
        model.encode(torch.zeros(3, 4))
