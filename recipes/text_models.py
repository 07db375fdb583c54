"""Train the text models that come with the package, and what they are held against.

    python -m recipes.text_models [names ...] [--seeds 0 1 2]

One thread. Every pass leaves a checkpoint in results/text/, so an interrupted run goes on. Seed 0 is shipped
in 8 bits, the other seeds leave their numbers. Opponents: n-grams with backoff, of which the validation part
chooses the order, and the same recurrent decoder without a code, trained alike.
"""

import argparse
import json
import math
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from matplotlib.figure import Figure
from torch import Tensor

from recipes.letters import rounded
from recipes.shipping import ship
from recipes.trio import flatness
from vae_course.data.loading import load
from vae_course.data.text import PAD
from vae_course.evaluation.baselines import NGram
from vae_course.evaluation.bounds import Estimate, evaluate, importance_weighted_bound
from vae_course.evaluation.code_use import collapse_report
from vae_course.files import write_atomically
from vae_course.models.text import TextVAE
from vae_course.plots.style import styled
from vae_course.randomness import seed_everything, seeded
from vae_course.training.loop import fit
from vae_course.weights import SHIPPED, load_text_model, shipped_file

ROOT = Path(__file__).parents[1]
RUNS = ROOT / "results" / "text"
RESULTS = ROOT / "assets" / "results" / "text.json"
FIGURES = ROOT / "assets" / "figures"
# What each was trained with; chosen on the validation part.
RECIPES = {
    "names": (
        {"latent_dim": 16, "hidden_dim": 96, "embedding_dim": 32},
        {"epochs": 30, "batch_size": 128, "learning_rate": 8e-3, "free_bits": 0.1, "kl_warmup": 0.3},
    ),
    "sentences": (
        {"latent_dim": 32, "hidden_dim": 128, "embedding_dim": 64},
        {"epochs": 10, "batch_size": 128, "learning_rate": 6e-3, "free_bits": 0.2, "kl_warmup": 0.7},
    ),
}
RECIPES["invented_names"] = (RECIPES["names"][0], {**RECIPES["names"][1], "epochs": 40, "batch_size": 64})
RECIPES["invented_sentences"] = (
    RECIPES["sentences"][0],
    {**RECIPES["sentences"][1], "epochs": 15, "batch_size": 64},
)
# Without a code there is less to learn, and more passes learn by heart.
NO_CODE_PASSES = {"names": 10, "sentences": 6, "invented_names": 10, "invented_sentences": 10}
ORDERS = (1, 2, 3, 4, 5, 6)
SHOWN, DRAWN = 20, 1000


def bits_per_token(nats_per_text: float, data) -> float:
    """Mean nats for each text of TextData as bits for each token, every END counted as one token.

    Of characters these are "bits per character". A VAE's −ELBO gives an upper bound of them.
    """
    return nats_per_text / data.lengths.double().mean().item() / math.log(2)


@dataclass(frozen=True)
class TextQuality:
    """What :func:`text_quality` counts among n drawn texts; shares of all draws, with standard errors.

    Plausible texts are as probable to the judge, for each token, as 95 % of the held-out texts are at least.
    """

    novel: Estimate  # not in the training texts
    distinct: float  # different texts among the draws, divided by n
    recovered: Estimate  # novel, and found among held-out texts, which the model has never seen
    plausible: Estimate  # of real texts that is 0.95 by construction
    plausible_novel: Estimate
    judge_bits: float  # mean bits per token that the judge needs
    n: int


def text_quality(drawn: Sequence[str], train, held_out, judge: NGram) -> TextQuality:
    """Count novelty and plausibility of drawn texts (strings).

    No list holds every good text, so neither number stands alone: a model that repeats the training list is
    plausible, one that types at random is novel. ``recovered`` is the strictest. Compare models by the same
    number of draws. ``train`` and ``held_out`` are the TextData that the model was trained on, and others of
    the same kind. The ``judge`` is best one that has counted other texts than the model was trained on; it
    favors texts drawn from n-grams.
    """

    def bits(tokens: Tensor) -> Tensor:
        return -judge.log_prob(tokens) / (tokens != PAD).sum(1) / math.log(2)

    of_each = bits(held_out.tokenizer.encode(drawn))
    known, real = set(train.texts), set(held_out.texts)
    novel = torch.tensor([text not in known for text in drawn])
    plausible = of_each <= bits(held_out.tokens).quantile(0.95)
    return TextQuality(
        novel=Estimate.of(novel),
        distinct=len(set(drawn)) / len(drawn),
        recovered=Estimate.of(novel & torch.tensor([text in real for text in drawn])),
        plausible=Estimate.of(plausible),
        plausible_novel=Estimate.of(plausible & novel),
        judge_bits=of_each.mean().item(),
        n=len(drawn),
    )


def train_text_model(name: str, seed: int = 0, code: bool = True) -> tuple[TextVAE, list[dict]]:
    """One model, with or without a code, and its curve in nats a text from before the first update."""
    sizes, settings = RECIPES[name]
    train, validation = load(name), load(name, "validation")
    seed_everything(seed)
    model = TextVAE.for_data(train, uses_code=code, **sizes)
    if not code:
        settings = {key: value for key, value in settings.items() if key not in ("free_bits", "kl_warmup")}
        settings["epochs"] = NO_CODE_PASSES[name]
    common = {"schedule": "linear", "warmup": 0.02, "gradient_clip": 5.0, "device": "cpu", "seed": seed}
    path = RUNS / f"{name}_{'code' if code else 'no_code'}_{seed}.pt"
    history = fit(model, train, validation, checkpoint=path, resume=True, **common, **settings)
    curve = [
        {"epoch": r["epoch"], "seconds": r["seconds"], "kl": r["validation"]["kl"]}
        | {part: r[part]["negative_elbo"] for part in ("train", "validation")}
        for r in history.records
    ]
    return model.eval(), curve


def opponents(name: str) -> dict[str, float]:
    """Bits a token of the test part by n-grams with backoff, by order, and which order validation chooses."""
    train, parts = load(name), {part: load(name, part) for part in ("validation", "test")}
    found = {}
    for order in ORDERS:
        counts = NGram(train, order)
        found[order] = {
            part: bits_per_token(-counts.log_prob(data.tokens).mean().item(), data)
            for part, data in parts.items()
        }
    best = min(ORDERS, key=lambda order: found[order]["validation"])
    return {f"{order}-gram": bits["test"] for order, bits in found.items()} | {"chosen": f"{best}-gram"}


@torch.no_grad()
def measure(model: TextVAE, name: str) -> dict:
    """Bits a token of the test part, use of the code, and what the draws are worth."""
    train, validation, test = (load(name, part) for part in ("train", "validation", "test"))
    many = 50 if model.uses_code else 1
    terms = evaluate(model, test, n_samples=10 if model.uses_code else 1)
    found = {
        "negative_elbo": terms.negative_elbo.value,
        "kl": terms.kl.value,
        "bits": bits_per_token(terms.negative_elbo.value, test),
        f"bits, bound of {many} draws": bits_per_token(
            -importance_weighted_bound(model, test, k=many).value, test
        ),
    }
    if model.uses_code:
        found["active_units"] = collapse_report(model, test).active_units
    drawn = test.tokenizer.decode(model.sample(DRAWN, seeded("text samples")))
    quality = text_quality(drawn, train, test, NGram(validation, 4))
    for key in ("novel", "recovered", "plausible"):
        found[key] = getattr(quality, key).value
    return found | {"distinct": quality.distinct, "first draws": drawn[:SHOWN]}


@styled
def draw_curves(curves: dict[str, dict[str, list[dict]]], path: Path) -> None:
    """−ELBO in nats a text against passes on the held-out part, one panel for each data set."""
    figure = Figure(figsize=(10, 3.2 * -(-len(curves) // 2)), layout="constrained")
    for axis, (name, of_name) in zip(
        figure.subplots(-(-len(curves) // 2), 2).flat, curves.items(), strict=False
    ):
        for label, curve in of_name.items():
            for part, style in (("train", ":"), ("validation", "-")):
                shown = [step for step in curve if step["epoch"] > 0]
                kept = label if style == "-" else None
                color = "C0" if label.startswith("code") else "C1"
                axis.plot(
                    [s["epoch"] for s in shown], [s[part] for s in shown], style, label=kept, color=color
                )
        axis.set(xlabel="pass", ylabel="−ELBO (nats a text)", title=name)
        axis.legend()
    figure.savefig(path, dpi=100, metadata={"Software": None})


def sheet(record: dict) -> str:
    """The first draws of seed 0, nothing chosen, as text."""
    parts = []
    for name, of in record.items():
        for kind in ("code", "no_code"):
            draws = of.get(f"{kind}_0", {}).get("first draws", [])
            parts += [f"{name}, {'drawn from z ~ N(0, I)' if kind == 'code' else 'without a code'}", ""]
            parts += [f"    {text}" for text in draws] + [""]
    return "\n".join(parts)


def main(arguments: list[str] | None = None) -> int:
    """Command line: data sets and seeds."""
    parser = argparse.ArgumentParser(prog="python -m recipes.text_models", description=__doc__)
    parser.add_argument("names", nargs="*", default=list(RECIPES), metavar="name")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--results", type=Path, default=RESULTS)
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(1)
    RUNS.mkdir(parents=True, exist_ok=True)
    for name in chosen.names:
        for seed in chosen.seeds:
            for code in (True, False):
                label = f"{'code' if code else 'no_code'}_{seed}"
                model, curve = train_text_model(name, seed, code)
                if seed == 0:
                    tokenizer = load(name).tokenizer
                    about = {"data": name, "seed": seed, "curve": rounded(curve)}
                    vocabulary = {"kind": tokenizer.kind, "tokens": list(tokenizer.vocabulary)}
                    without = () if code else ("encoder", "to_posterior")
                    more = {"vocabulary": vocabulary, "about": about, "without": without}
                    if code or f"{name}_no_code" in SHIPPED["text model"][1]:
                        path = shipped_file("text model", name if code else f"{name}_no_code")
                        ship(path, model, int8=True, **more)
                        model, _ = load_text_model(name, code=code)
                entry = measure(model, name) | {
                    "passes": curve[-1]["epoch"],
                    "minutes": curve[-1]["seconds"] / 60,
                    "change_over_the_last_fifth": flatness([step["validation"] for step in curve]),
                    "machine": f"{platform.machine()}, one thread",
                    "curve": curve,
                }
                record = json.loads(chosen.results.read_text()) if chosen.results.is_file() else {}
                record.setdefault(name, {"opponents": opponents(name)})[label] = entry
                write_atomically(chosen.results, (json.dumps(rounded(record), indent=1) + "\n").encode())
                shown = {key: value for key, value in entry.items() if key != "curve"}
                print(name, label, json.dumps(rounded(shown), ensure_ascii=False), flush=True)
    if chosen.results == RESULTS:
        curves = {n: {k: v["curve"] for k, v in of.items() if k != "opponents"} for n, of in record.items()}
        draw_curves(curves, FIGURES / "text_curves.png")
        write_atomically(FIGURES / "text_samples.txt", (sheet(record) + "\n").encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
