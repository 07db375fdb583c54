"""Train the text models that come with the package: python -m recipes.text_models names."""

import argparse
import sys

from vae_course.data.loading import load
from vae_course.evaluation.bounds import evaluate
from vae_course.evaluation.code_use import collapse_report
from vae_course.evaluation.text import bits_per_token
from vae_course.models.text import TextVAE
from vae_course.randomness import seed_everything
from vae_course.training.loop import fit
from vae_course.weights import save_checkpoint, shipped_file

# What each was trained with; chosen on the validation part.
RECIPES = {
    "names": (
        {"latent_dim": 16, "hidden_dim": 96, "embedding_dim": 32},
        {"epochs": 10, "batch_size": 128, "learning_rate": 8e-3, "free_bits": 0.1, "kl_warmup": 0.7},
    ),
    "sentences": (
        {"latent_dim": 32, "hidden_dim": 128, "embedding_dim": 64},
        {"epochs": 10, "batch_size": 128, "learning_rate": 6e-3, "free_bits": 0.2, "kl_warmup": 0.7},
    ),
}
RECIPES["invented_names"] = (RECIPES["names"][0], {**RECIPES["names"][1], "epochs": 30, "batch_size": 64})
RECIPES["invented_sentences"] = (
    RECIPES["sentences"][0],
    {**RECIPES["sentences"][1], "epochs": 15, "batch_size": 64},
)


def train_text_model(name: str, seed: int = 0, progress: bool = True) -> TextVAE:
    """Train and write the model of one data set and one seed; prints its measures on the validation part."""
    sizes, settings = RECIPES[name]
    train, validation = load(name), load(name, "validation")
    seed_everything(seed)
    model = TextVAE.for_data(train, **sizes)
    common = {"schedule": "linear", "warmup": 0.02, "gradient_clip": 5.0, "device": "cpu", "seed": seed}
    fit(model, train, validation, **common, **settings, progress=progress)
    result, report = evaluate(model, validation), collapse_report(model, validation)
    bits = bits_per_token(result.negative_elbo.value, validation)
    print(f"{name}, seed {seed}: −ELBO {result.negative_elbo} nats, {bits:.3f} bits for each token, {report}")
    vocabulary = {"kind": train.tokenizer.kind, "tokens": list(train.tokenizer.vocabulary)}
    path, about = shipped_file("text model", name, seed), {"data": name, "seed": seed}
    save_checkpoint(path, model, int8=True, vocabulary=vocabulary, about=about)
    return model


def main(arguments: list[str] | None = None) -> int:
    """Command line: data set and seeds."""
    parser = argparse.ArgumentParser(prog="python -m recipes.text_models", description=__doc__)
    parser.add_argument("name", choices=sorted(RECIPES))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    chosen = parser.parse_args(arguments)
    for seed in chosen.seeds:
        train_text_model(chosen.name, seed)
    return 0


if __name__ == "__main__":
    sys.exit(main())
