"""The cheat sheet: committed as generated, and every formula computes what the package computes."""

import math
from importlib import import_module

import pytest
import torch

from tools.classroom.cheat_sheet import cheat_sheet
from tools.classroom.formulas import CONVENTION, PARTS
from tools.project import Project
from vae_course import likelihoods
from vae_course.data.loading import load
from vae_course.elbo import ElboTerms, GaussianPosterior, standard_normal_log_prob
from vae_course.evaluation.baselines import auroc
from vae_course.evaluation.bounds import bits_per_dimension, importance_weighted_log_prob
from vae_course.evaluation.code_use import active_units, collapse_report, posterior_means
from vae_course.evaluation.loss_translator import LossWeights, effective_beta
from vae_course.evaluation.paths import lerp, slerp
from vae_course.evaluation.samples import frechet_distance, precision_recall
from vae_course.models.toys import water_filling
from vae_course.models.vae import VAE
from vae_course.models.vq_vae import perplexity

ROWS = {row.name: row for part in PARTS for row in part.rows}
DRAW = torch.Generator().manual_seed(0)


def normal(*shape):
    return torch.randn(*shape, generator=DRAW, dtype=torch.float64)


MATHS = {name: getattr(torch, name) for name in ("exp", "log", "sin", "sigmoid", "logsumexp")} | {
    "softplus": torch.nn.functional.softplus,
    "pi": torch.tensor(math.pi),
}
MEAN, LOG_VAR = normal(5, 3), normal(5, 3)
POSTERIOR = GaussianPosterior(MEAN, LOG_VAR)
TERMS = ElboTerms(normal(5).abs(), POSTERIOR.kl(), POSTERIOR.kl_per_dimension())
X, A = torch.rand(4, 6, generator=DRAW, dtype=torch.float64), normal(4, 6)
START, END = normal(1, 8), normal(1, 8)
ANGLE = torch.acos(torch.nn.functional.cosine_similarity(START, END)).item()
IMAGES = load("digits", "test").subset(40)
MODEL = VAE(latent_dim=3, hidden_dims=(16,))


def tensor(value):
    return torch.as_tensor(value, dtype=torch.float64)


def sampled():
    """A draw from the package and the noise it used."""
    noise = torch.randn(MEAN.shape, generator=torch.Generator().manual_seed(1), dtype=MEAN.dtype)
    return POSTERIOR.sample(generator=torch.Generator().manual_seed(1)), noise


def weighted():
    """log p(x, z) and log q(z|x) at K draws, and the package's bound from the same draws."""
    x, draws = IMAGES.floats()[:4], 7
    with torch.no_grad():
        q = MODEL.encode(x)
        z = q.sample(draws, torch.Generator().manual_seed(2))
        joint = MODEL.log_likelihood(x, z) + standard_normal_log_prob(z)
        bound = importance_weighted_log_prob(MODEL, x, k=draws, generator=torch.Generator().manual_seed(2))
        return {"log_joint": joint, "log_q": q.log_prob(z), "K": tensor(draws)}, bound


def shares(codes):
    return torch.bincount(codes).double() / len(codes)


def expected():
    """For each row: the names its code uses, and what the package says."""
    draw, noise = sampled()
    names, bound = weighted()
    gaussian, laplace = likelihoods.Gaussian(sigma=0.7), likelihoods.Laplace(scale=0.4)
    real, fake = normal(60, 4), normal(60, 4) + 0.3
    gaps = torch.cdist(fake, real)
    radii = torch.cdist(real, real).sort(dim=1).values[:, 3]
    report = collapse_report(MODEL, IMAGES, examples=40)
    codes = torch.tensor([0, 0, 1, 2, 2, 2])
    scores = normal(9).round(), (normal(7) + 1).round()
    one = normal(50, 1), 1 + 2 * normal(40, 1)
    terms = {
        "reconstruction": TERMS.reconstruction, "kl": TERMS.kl, "kl_per_dimension": TERMS.kl_per_dimension,
        "beta": 2.5, "free": 0.3,
    }  # fmt: skip
    mse = LossWeights(
        error="mse", error_reduction="mean", kl_reduction="batch mean", kl_weight=0.01, features=784
    )
    ends = {"start": START, "end": END, "t": 0.3, "omega": tensor(ANGLE)}
    return {
        "ELBO": (terms, TERMS.elbo),
        "sample (reparameterized)": ({"mean": MEAN, "log_var": LOG_VAR, "noise": noise}, draw),
        "KL to the prior": ({"mean": MEAN, "log_var": LOG_VAR}, POSTERIOR.kl()),
        "β-ELBO (a loss)": (terms, TERMS.loss(2.5)),
        "free bits": (terms, TERMS.loss(1.0, 0.3)),
        "importance-weighted bound": (names, bound),
        "Bernoulli": ({"x": X, "a": A}, -likelihoods.Bernoulli().log_prob(flat(X), flat(A))),
        "Gaussian": ({"x": X, "a": A, "sigma": tensor(0.7)}, -gaussian.log_prob(flat(X), flat(A))),
        "Laplace": ({"x": X, "a": A, "b": tensor(0.4)}, -laplace.log_prob(flat(X), flat(A))),
        "continuous Bernoulli": (
            {"x": X, "a": A}, -likelihoods.ContinuousBernoulli().log_prob(flat(X), flat(A)),
        ),
        "effective β of “mean squared error + w · KL”": (
            {"weight": 0.01, "features": 784}, effective_beta(mse),
        ),
        "active units": ({"means": posterior_means(MODEL, IMAGES)}, active_units(MODEL, IMAGES)),
        "rate, split": (
            {"information": report.mutual_information.value, "off_prior": report.aggregate_kl},
            report.rate.value,
        ),
        "water-filling (linear VAE)": (
            {"variances": torch.tensor([3.0, 0.5]), "level": 1.2},
            water_filling(torch.tensor([3.0, 0.5]), 1.2),
        ),
        "straight line": (ends, lerp(START, END, torch.tensor([0.3]))[0]),
        "great circle": (ends, slerp(START, END, torch.tensor([0.3]))[0]),
        "Fréchet distance": (
            {
                "mean_a": one[0].mean(0), "mean_b": one[1].mean(0),
                "std_a": one[0].std(0), "std_b": one[1].std(0),
            },
            frechet_distance(*one),
        ),
        "precision; recall: exchanged": (
            {"distances": gaps, "radii": radii}, precision_recall(real, fake, k=3).precision,
        ),
        "AUROC of a score": ({"normal": scores[0], "odd": scores[1]}, auroc(*scores)),
        "bits per dimension": (
            {"nats": 100.0, "D": 784, "log": math.log}, bits_per_dimension(100.0, 784),
        ),
        "perplexity of a codebook": ({"p": shares(codes)}, perplexity(codes, 3)),
    }  # fmt: skip


def flat(rows):
    """(batch, D) as pictures of one row, which is what likelihoods take."""
    return rows[:, None, None]


EXPECTED = expected()


@pytest.mark.parametrize("name", list(ROWS))
def test_a_formula_computes_what_the_package_computes(name):
    names, wanted = EXPECTED[name]
    got = eval(ROWS[name].code, {"__builtins__": {}}, {**MATHS, **names})
    if isinstance(got, torch.Tensor) and got.dtype == torch.bool:
        got = got.double().mean()
    torch.testing.assert_close(tensor(got).squeeze(), tensor(wanted).squeeze(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", list(ROWS))
def test_the_package_has_what_the_sheet_names(name):
    module, parts = ROWS[name].package, []
    while True:
        try:
            found = import_module(module)
            break
        except ModuleNotFoundError:
            module, _, last = module.rpartition(".")
            parts.insert(0, last)
    for part in parts:
        found = getattr(found, part)
    assert found.__doc__, "the place the sheet sends a reader to explains itself"


def test_the_committed_page_is_what_the_code_writes():
    page = (Project.here().root / "assets" / "cheat_sheet.html").read_text(encoding="utf-8")
    assert page == cheat_sheet(), "run: make assignments"
    assert "http" not in page and "<script" not in page


def test_the_convention_is_the_package_s_own():
    import vae_course

    said = " ".join(vae_course.__doc__.split())
    assert "nats per example" in said and CONVENTION.startswith("nats per example")
    assert "log σ²" in said and "log_var is log σ²" in CONVENTION
