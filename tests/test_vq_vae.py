"""VQ-VAE: straight-through gradients, the codebook's averages, revival, the prior over letters, the bound."""

import itertools
import math

import pytest
import torch
from tiny_data import InterruptedAt, tiny_images

from recipes.vq_vae import evaluate_codes, fit_prior, follow, letters_of, vq_terms
from vae_course.elbo import elbo_terms
from vae_course.models.vq_vae import VQVAE, Codebook, CodePrior, perplexity
from vae_course.randomness import seed_everything
from vae_course.training.loop import fit
from vae_course.weights import load_model, save_checkpoint

DATA = tiny_images(128, (1, 8, 8))
UNIFORM = 4 * math.log(12)  # nats of 2 × 2 letters out of 12, all equally likely
SETTINGS = dict(device="cpu", progress=False, batch_size=32, learning_rate=3e-3, objective=vq_terms)


def make(seed=0, **arguments):
    seed_everything(seed)
    given = {"n_codes": 12, "code_dim": 5, "hidden_dims": (8, 16), **arguments}
    return VQVAE.for_data(DATA, **given)


@pytest.fixture(scope="module")
def trained():
    model = make()
    fit(model, DATA, epochs=40, **SETTINGS)
    prior = CodePrior(12, 2, hidden=16, embedding=8)
    fit_prior(prior, model, DATA, epochs=25, batch_size=32, device="cpu", progress=False)
    return model, prior


def test_the_straight_through_gradient_is_the_one_the_decoder_sends_to_its_input():
    model, x = make().eval(), DATA.batch(slice(0, 4))
    model.codebook.letters.copy_(model.vectors(x).detach().flatten(0, 1)[:12] + 0.1)
    vectors = model.vectors(x).detach().requires_grad_()
    model.vectors = lambda _: vectors
    vq_terms(model, x).reconstruction.sum().backward()
    letters = model.codebook.lookup(model.codebook.nearest(vectors)).requires_grad_()
    (-model.log_likelihood(x, model.code_of(letters))).sum().backward()
    torch.testing.assert_close(vectors.grad, letters.grad)
    assert letters.grad.abs().sum() > 0


def test_the_commitment_reaches_the_encoder_alone_and_the_reconstruction_reaches_both():
    model, x = make(), DATA.batch(slice(0, 16))
    terms = vq_terms(model, x)

    def reached(value):
        model.zero_grad(set_to_none=True)
        value.sum().backward(retain_graph=True)
        return {
            name.split(".")[0] for name, p in model.named_parameters() if p.grad is not None and p.grad.any()
        }

    assert reached(terms.commitment) == {"encoder"}
    assert reached(terms.reconstruction) == {"encoder", "decoder"}
    assert not list(model.codebook.parameters())


def test_the_nearest_letter_is_the_nearest_by_brute_force():
    book = Codebook(7, 3)
    vectors = torch.randn(4, 5, 3)
    distances = (vectors[..., None, :] - book.letters).norm(dim=-1)
    assert torch.equal(book.nearest(vectors), distances.argmin(-1))


def test_averages_bring_each_letter_to_the_mean_of_what_chose_it():
    generator = torch.Generator().manual_seed(0)
    centers = torch.tensor([[0.0, 0], [5, 0], [0, 5]])
    book = Codebook(3, 2, decay=0.9)
    book.letters.copy_(centers + 0.5)
    book.usage.fill_(1 / 3)
    book.total.copy_(book.letters / 3)
    for _ in range(200):
        vectors = centers.repeat(40, 1) + 0.1 * torch.randn(120, 2, generator=generator)
        follow(book, vectors, book.nearest(vectors), generator)
    torch.testing.assert_close(book.letters, centers, atol=0.05, rtol=0)
    torch.testing.assert_close(book.usage, torch.full((3,), 1 / 3), atol=1e-5, rtol=0)


def test_without_decay_one_update_is_one_step_of_k_means():
    generator = torch.Generator().manual_seed(1)
    book, vectors = Codebook(4, 2, decay=0.0), torch.randn(400, 2, generator=generator)
    book.usage.fill_(0.25)
    codes = book.nearest(vectors)
    assert codes.unique().numel() == 4
    follow(book, vectors, codes, generator)
    means = torch.stack([vectors[codes == letter].mean(0) for letter in range(4)])
    torch.testing.assert_close(book.letters, means)


def test_dead_letters_are_revived_on_vectors_of_the_batch_and_used_ones_stay():
    generator = torch.Generator().manual_seed(2)
    book, vectors = Codebook(5, 2, decay=0.99), 0.1 * torch.randn(50, 2, generator=generator)
    book.letters.copy_(torch.tensor([[0.0, 0]] + [[90.0, 90]] * 4))
    book.usage.copy_(torch.tensor([0.94, 0.03, 0.0005, 0.0, 0.03]))
    book.total.copy_(book.letters * book.usage[:, None])
    follow(book, vectors, book.nearest(vectors), generator)
    is_vector = (book.letters[:, None] - vectors).norm(dim=-1).min(1).values < 1e-6
    assert is_vector.tolist() == [False, False, True, True, False]
    assert book.usage[2] == pytest.approx(0.1 / 5)


def test_the_first_batch_fills_the_codebook():
    model = make()
    assert model.codebook.usage.sum() == 0
    vq_terms(model, DATA.batch(slice(0, 64)), torch.Generator().manual_seed(0))
    vectors = model.vectors(DATA.batch(slice(0, 64))).flatten(0, 1)
    assert (model.codebook.letters[:, None] - vectors).norm(dim=-1).min(1).values.max() < 1e-5


def test_evaluation_changes_nothing():
    model = make().eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    vq_terms(model, DATA.batch(slice(0, 64)))
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_training_uses_the_letters_and_rebuilds_the_pictures(trained):
    model, _ = trained
    x = DATA.floats()
    mean = x.mean(0, keepdim=True).expand_as(x)
    assert (model.reconstruct(x) - x).square().mean() < 0.5 * (mean - x).square().mean()
    codes = letters_of(model, DATA).codes
    assert codes.shape == (128, 2, 2) and perplexity(codes, 12) > 1.9


def test_perplexity_counts_letters_in_equal_use():
    assert perplexity(torch.tensor([[3, 3], [3, 3]]), 9) == pytest.approx(1)
    assert perplexity(torch.arange(8), 9) == pytest.approx(8)
    assert perplexity(torch.tensor([0, 0, 0, 1]), 2) == pytest.approx(math.exp(0.5623), rel=1e-3)


def test_a_run_continues_bit_for_bit_with_its_codebook(tmp_path):
    whole, first, second = make(3), make(3), make(4)
    settings = {**SETTINGS, "epochs": 4}
    fit(whole, DATA, **settings)
    with pytest.raises(KeyboardInterrupt):
        fit(first, InterruptedAt(DATA, 11), checkpoint=tmp_path / "run.pt", eval_examples=8, **settings)
    fit(second, DATA, checkpoint=tmp_path / "run.pt", resume=True, **{**settings, "eval_examples": 8})
    assert all(torch.equal(whole.state_dict()[n], v) for n, v in second.state_dict().items())


def test_checkpoints_bring_model_and_prior_back(tmp_path, trained):
    for model in trained:
        save_checkpoint(tmp_path / "m.pt", model)
        again = load_model(tmp_path / "m.pt")
        assert all(torch.equal(again.state_dict()[n], v) for n, v in model.state_dict().items())


def test_a_point_has_no_elbo(trained):
    with pytest.raises(TypeError, match="not a distribution"):
        elbo_terms(trained[0], DATA.batch(slice(0, 2)))


# The prior


def all_maps(n_codes, side):
    places = itertools.product(range(n_codes), repeat=side * side)
    return torch.tensor(list(places)).view(-1, side, side)


def rough_prior(n_codes=3, side=2, seed=0):
    torch.manual_seed(seed)
    prior = CodePrior(n_codes, side, hidden=8, embedding=4)
    for parameter in prior.parameters():
        torch.nn.init.normal_(parameter, std=0.35)
    return prior.eval()


def test_the_prior_sums_to_one_over_all_maps():
    prior = rough_prior()
    assert prior.log_prob(all_maps(3, 2)).exp().sum().item() == pytest.approx(1, abs=1e-5)


def test_a_letter_depends_on_those_before_it_alone():
    prior, codes = rough_prior(4, 3), torch.randint(0, 4, (1, 3, 3))
    with torch.no_grad():
        logits = prior(codes)
        for i in range(9):
            changed = codes.flatten(1).clone()
            changed[0, i] = (changed[0, i] + 1) % 4
            apart = (prior(changed.view(1, 3, 3)) - logits).abs().sum(-1)[0]
            assert apart[: i + 1].max() == 0
            assert i == 8 or apart[i + 1] > 1e-6


def test_draws_follow_the_probabilities():
    prior, n = rough_prior(), 20_000
    maps = prior.sample(n, torch.Generator().manual_seed(0))
    index = (maps.flatten(1) * torch.tensor([27, 9, 3, 1])).sum(1)
    share = torch.bincount(index, minlength=81) / n
    wanted = prior.log_prob(all_maps(3, 2)).exp().detach()
    likely = wanted * n > 20
    assert likely.sum() > 20 and share[~likely].sum() < 2 * wanted[~likely].sum() + 1e-3
    share, wanted = share[likely], wanted[likely]
    assert ((share - wanted) / (wanted * (1 - wanted) / n).sqrt()).abs().max() < 4.5


def test_an_untrained_prior_is_uniform_and_training_makes_letters_cheaper(trained):
    model, prior = trained
    codes = letters_of(model, DATA).codes
    torch.testing.assert_close(
        CodePrior(12, 2).log_prob(codes), torch.full((128,), -UNIFORM), rtol=1e-5, atol=0
    )
    assert -prior.log_prob(codes).mean() < 0.8 * UNIFORM


def test_the_bound_lies_above_the_exact_negative_log_likelihood():
    model, prior = make(n_codes=3), rough_prior()
    vq_terms(model, DATA.batch(slice(0, 64)))
    model.eval()
    data, maps = tiny_images(6), all_maps(3, 2)
    with torch.no_grad():
        params = model.decode_codes(maps)
        joint = model.likelihood.log_prob(data.floats(), params[:, None]) + prior.log_prob(maps)[:, None]
    exact = -joint.logsumexp(0).mean().item()
    bound = evaluate_codes(model, prior, data)
    assert exact <= bound.negative_elbo.value
    own = joint[(model.codes(data.floats()).flatten(1) * torch.tensor([27, 9, 3, 1])).sum(1), range(6)]
    assert bound.negative_elbo.value == pytest.approx(-own.mean().item(), rel=1e-5)


def test_a_prior_for_another_alphabet_is_refused(trained):
    with pytest.raises(ValueError, match=r"build CodePrior\(model.n_codes, model.side\)"):
        fit_prior(CodePrior(9, 2), trained[0], DATA)
