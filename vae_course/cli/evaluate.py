"""``evaluate``: the numbers of a trained model on a data set."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from vae_course.cli.options import add, whole
from vae_course.cli.shared import PROGRAM, Reparse, add_data, add_device, add_model

SUMMARY = "measure a trained model: -ELBO, its two terms, a bound of log p(x)"


def describe(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Measure a trained model on a data set: -ELBO, reconstruction and KL in nats per example,\n"
        "with standard errors over the images."
    )
    parser.epilog = (
        f"example:\n  {PROGRAM} evaluate --model results/ --importance-samples 1000 --json numbers.json"
    )
    add_model(parser)
    add_data(parser)
    group = parser.add_argument_group("measurement")
    text = "draws of z per image for the importance-weighted bound of log p(x); 1000 or more is usual"
    add(group, "--importance-samples", text, whole(0), 0, shown="0, not measured", metavar="K")
    add(group, "--json", "write the numbers to this file as well", shown="print only", metavar="FILE")
    add(group, "--seed", "seed of z, subset and binarization", whole(0), shown="as in training", metavar="N")
    add_device(group)


def run(arguments: argparse.Namespace, reparse: Reparse) -> None:
    from vae_course.cli.models import open_data, open_model, reading
    from vae_course.cli.output import check_file, save_json
    from vae_course.evaluation.bounds import evaluate
    from vae_course.evaluation.code_use import active_units

    if arguments.json:
        check_file(Path(arguments.json), "--json")
    model, settings = open_model(arguments.model, arguments.device)
    seed = settings.get("seed", 0) if arguments.seed is None else arguments.seed
    data = open_data(arguments, settings, model, seed)
    how = reading(data, arguments.binarize or settings.get("binarize", "none"))

    numbers = asdict(evaluate(model, data, seed=seed))
    rows = [(LABELS[name], estimate, NOTES[name]) for name, estimate in numbers.items()]
    if arguments.importance_samples:
        k = arguments.importance_samples
        numbers["importance_weighted"] = {"k": k, "negative_bound": _bound(model, data, k, seed)}
        note = "upper bound of −log p(x), tighter"
        rows.append((f"−log p̂, K = {k:,}", numbers["importance_weighted"]["negative_bound"], note))
    active = active_units(model, data, seed=seed) if len(data) > 1 else None

    print(f"{data.name}, {data.split} part, {len(data):,} images, {how}; nats per example ± standard error\n")
    for label, estimate, note in rows:
        value = f"{estimate['value']:.2f} ± {estimate['standard_error']:.2f}"
        print(f"  {label:<18}{value:>16}   {note}")
    if active is not None:
        print(f"  {'active units':<18}{active:>9} of {model.latent_dim:<3}   latent dimensions in use")
    if how == "gray values" and model.config["likelihood"] == "bernoulli":
        print("\nGray values count as probabilities of white here; binarized images give other numbers.")
    if arguments.json:
        about = {"model": arguments.model, "dataset": data.name, "split": data.split, "images": len(data)}
        about |= {"pixels": how, "unit": "nats per example", "seed": seed}
        save_json(
            {**about, **numbers, "active_units": active, "latent_dim": model.latent_dim}, Path(arguments.json)
        )
        print(f"\nWrote {arguments.json}")


LABELS = {"negative_elbo": "−ELBO", "reconstruction": "reconstruction", "kl": "KL"}
NOTES = {
    "negative_elbo": "upper bound of −log p(x); the sum of the next two",
    "reconstruction": "−E[log p(x|z)] with z from q(z|x)",
    "kl": "KL(q(z|x) ‖ p(z))",
}


def _bound(model, data, k: int, seed: int) -> dict:
    """−log p̂_K(x) as ``importance_weighted_bound`` measures it, with a line of progress now and then."""
    import time

    import torch

    from vae_course.evaluation.bounds import Estimate, batches, importance_weighted_log_prob, noise_like

    generator, values, said = noise_like(model, seed), [], time.monotonic()
    with torch.no_grad():
        for x in batches(model, data, 100, generator):
            values.append(-importance_weighted_log_prob(model, x, k, generator))
            if time.monotonic() - said > 3:
                print(f"importance sampling: {100 * len(values):,} of {len(data):,} images", flush=True)
                said = time.monotonic()
    return asdict(Estimate.of(torch.cat(values)))
