"""The course's ``fit`` as a program of its own, for the comparison with the usual recipe.

    python -m benchmarks.speed_ours '{"seed": 0, "epochs": 5, "root": "data"}'

Prints one line of JSON when training has ended, and another with the levels it reached.
"""

import json
import sys
import time


def main(job: dict) -> None:
    """``job``: seed, epochs, root; optional: part ("train+validation"), held_out ("test"), binarize (None),
    center (True), model (arguments of VAE), settings (of fit), importance_samples (draws for the bound)."""
    from vae_course import VAE, evaluate, fit, importance_weighted_bound, load, seed_everything

    start = time.perf_counter()
    reading = {"root": job["root"], "binarize": job.get("binarize")}
    train = load("mnist", job.get("part", "train+validation"), **reading)
    seed_everything(job["seed"])
    arguments = job.get("model", {})
    centered = job.get("center", True)
    model = VAE.for_data(train, **arguments) if centered else VAE(image_shape=train.shape, **arguments)
    settings = {"epochs": job["epochs"], "seed": job["seed"], **job.get("settings", {})}
    history = fit(model, train, device="cpu", progress=False, **settings)
    print(json.dumps({"training_seconds": time.perf_counter() - start}), flush=True)

    held_out = job.get("held_out", "test")
    gray = load("mnist", held_out, root=job["root"])
    dynamic = load("mnist", held_out, root=job["root"], binarize="dynamic")
    found = {"gray": evaluate(model, gray).negative_elbo.value}
    found["dynamic"] = evaluate(model, dynamic).negative_elbo.value
    found["curve"] = [[r["epoch"], r["seconds"], r["train"]["negative_elbo"]] for r in history.records]
    k = job.get("importance_samples")
    if k:
        started = time.perf_counter()
        bound = importance_weighted_bound(model, dynamic, k=k)
        found |= {"nll": -bound.value, "standard_error": bound.standard_error, "k": k, "digits": bound.n}
        found["bound_seconds"] = time.perf_counter() - started
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
