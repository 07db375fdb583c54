# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---
# %% [markdown]
# # 06 · Handling mode collapse: who covers the data, and what it takes
#
# <!-- badge -->
#
# <!-- minutes -->
#
# "GANs collapse, VAEs cover everything, and it is the KL term that keeps them diverse." Three claims in one sentence. In this chapter you write the rule that counts, and then you count: a GAN
# and a VAE with the same decoder, a VAE without its KL term, and three remedies, one of them for the VAE.
# %% tags=["setup"]
# (generated)
# %% tags=["parameters"]
OFFLINE = False  # True: no network, only data that comes with the course (1,797 small digits for 60,000)
N_SEEDS = 8  # repetitions of every model of points, 3 or more; they train side by side
STEPS = 4000  # updates of every model of points, 500 or more
EXAMPLES = 20000  # training digits, 1,000 or more
EPOCHS = 10  # passes through them, 4 or more
BATCH_SIZE = 256  # digits in one update
COMPONENTS = 50  # Gaussians in a fitted prior, 1 or more
DIGIT_SEEDS = 3  # repetitions of every model of digits, 2 or more: intervals are 95 % t-intervals over them
# %% tags=["hide-input"]
import math

import torch
from torch import nn

from vae_course import Runs, load, load_classifier, plots, ring_mixture, seed_everything, seeded
from vae_course.teaching import (
    Claims,
    check,
    check_parameters,
    complete,
    hint,
    predict,
    results_table,
    show,
    solution,
)

least = dict(N_SEEDS=3, STEPS=500, EXAMPLES=1000, EPOCHS=4, BATCH_SIZE=1, COMPONENTS=1, DIGIT_SEEDS=2)
parameters = check_parameters(globals(), OFFLINE=False, **least)
claims = Claims("06_Handling_Mode_Collapse_in_VAEs", parameters)
RING = ring_mixture(std=0.05)  # 8 Gaussians on a circle of radius 2
N = 2500  # samples that are counted
