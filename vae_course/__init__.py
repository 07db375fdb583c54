"""Shared code of the VAE course: models, training, measures, plots and widgets.

One convention holds everywhere: values are in **nats per example**, summed over features and latent
dimensions and averaged over the batch; ``log_var`` is log σ²; images are float32 in [0, 1] of shape
``(batch, channel, height, width)``.

Names are loaded when they are first used, so that ``import vae_course`` costs next to nothing. What is not
here is one level down: ``vae_course.evaluation``, ``models``, ``plots``, ``teaching`` and ``widgets``.
"""

import os

from vae_course._lazy import lazily

# Threads that wait for one another look out for some 20 µs and then sleep. GNU OpenMP, which reads this when
# torch is loaded, would look out for milliseconds, and so take the core from the thread that is waited for
# where another job has the other core: ``python -m benchmarks busy`` shows what that costs.
if not {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} & os.environ.keys():
    os.environ["GOMP_SPINCOUNT"] = "1000"

__version__ = "0.2.0"
__getattr__, __dir__, __all__ = lazily(
    __name__,
    {
        "elbo": "elbo_terms ElboTerms GaussianPosterior importance_weighted_log_prob "
        "standard_normal_log_prob",
        "likelihoods": "Bernoulli ContinuousBernoulli DiscretizedLogistic FeatureLoss Gaussian Laplace make",
        "machine": "pick_device",
        "randomness": "base_seed base_seeded seed_everything seed_of seeded seeded_numpy",
        "data.faces": "draw_faces FACTORS",
        "data.images": "DataError ImageData",
        "data.loading": "load",
        "data.own_images": "load_pictures",
        "data.tables": "PointData",
        "data.text": "PAD padding_mask START",
        "data.toys": "clock_hands CurveModel draw_bars LinearGaussian ring_mixture",
        "models.vae": "Autoencoder VAE",
        "weights": "arena_results celeba_record load_arena load_celeba load_classifier "
        "load_face_model load_letters load_model load_neighbors load_one_model load_photograph_model "
        "load_reader load_sound_model load_text_model load_trio neighbors_record save_checkpoint "
        "shipped_sweep trio_curves",
        "training.loop": "fit History TrainingDiverged",
        "training.settings": "kl_weight",
        "training.sweep": "plan run_sweep",
        "training.vae_gan": "vae_gan_losses",
        "evaluation.bounds": "evaluate importance_weighted_bound",
        "evaluation.intervals": "over_seeds Runs",
    },
)
