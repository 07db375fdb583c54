"""What the benchmark of speed runs: programs, settings, and how long each learns."""

# The recipe of countless tutorials and of pytorch/examples, to compare with.
USUAL_RECIPE = {"batch_size": 128, "learning_rate": 1e-3, "schedule": "constant", "warmup": 0.0}
USUAL_RECIPE |= {"kl_warmup": 0.0}

USUAL = "benchmarks.usual"
OURS = "benchmarks.ours"

SEEDS = 3
USUAL_EPOCHS = 10
SMALL = {"latent_dim": 16, "hidden_dims": [256, 128], "decoder_dims": [256, 768]}
RACE = {  # name → what runs and for how long
    "usual": (USUAL, {"epochs": USUAL_EPOCHS}),
    "ours, the usual level": (OURS, {"epochs": 2, "model": SMALL}),
    "ours, 100 gray": (OURS, {"epochs": 4, "model": SMALL}),
    "ours, 100 dynamic": (OURS, {"epochs": 2, "model": SMALL, "settings": {"batch_size": 128}}),
}
LARGE = {"latent_dim": 40, "hidden_dims": [640, 512], "decoder_dims": [512, 768]}
LONG = {
    "75 seconds": {
        "epochs": 40,
        "binarize": "dynamic",
        "model": {"latent_dim": 40, "hidden_dims": [512, 512], "decoder_dims": [512, 768]},
        "settings": {"learning_rate": 4e-3, "kl_warmup": 0.3},
        "importance_samples": 1000,
    },
    "5 minutes": {
        "epochs": 150,
        "binarize": "dynamic",
        "model": LARGE,
        "settings": {"learning_rate": 3e-3, "kl_warmup": 0.3},
        "importance_samples": 1000,
    },
}
USUAL_JOB = {  # the usual recipe in the course's loop: the same learner as the usual program
    "center": False,
    "model": {"latent_dim": 20, "hidden_dims": [400], "decoder_dims": None, "activation": "relu"},
    "settings": USUAL_RECIPE,
}
FIFTY = {
    "usual": {**USUAL_JOB, "epochs": 50, "settings": {**USUAL_RECIPE, "precision": "medium"}},
    "ours": {"epochs": 50, "model": SMALL},
}


def words(name: str) -> str:
    """What a run of the race is, for a table."""
    program, job = RACE[name]
    if program == USUAL:
        return f"784-400-20-400-784, {job['epochs']} epochs"
    model, batch = job["model"], job.get("settings", {}).get("batch_size", 256)
    sizes = [784, *model["hidden_dims"], model["latent_dim"], *model["decoder_dims"], 784]
    return f"{'-'.join(map(str, sizes))}, {job['epochs']} epochs, batches of {batch}"
