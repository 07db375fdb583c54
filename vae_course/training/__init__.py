"""Training: one loop for every model, seeded, checkpointed and resumable."""

from vae_course.training.adversarial import fit_gan
from vae_course.training.adversarial_history import AdversarialHistory
from vae_course.training.checkpoint import CheckpointError, load_checkpoint, load_model, save_checkpoint
from vae_course.training.divergence import TrainingDiverged
from vae_course.training.fit import fit
from vae_course.training.history import History
from vae_course.training.one_model import load_one_model, save_one_model, train_one_model
from vae_course.training.schedules import kl_settled, kl_weight, learning_rate_factor
from vae_course.training.seeding import pick_device, seed_everything
from vae_course.training.settings import FitSettings
from vae_course.training.vae_gan import fit_vae_gan

__all__ = [
    "AdversarialHistory",
    "CheckpointError",
    "FitSettings",
    "History",
    "TrainingDiverged",
    "fit",
    "fit_gan",
    "fit_vae_gan",
    "kl_settled",
    "kl_weight",
    "learning_rate_factor",
    "load_checkpoint",
    "load_model",
    "load_one_model",
    "pick_device",
    "save_checkpoint",
    "save_one_model",
    "seed_everything",
    "train_one_model",
]
