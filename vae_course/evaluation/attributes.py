"""Attributes: vectors, edits, and a judge that reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from vae_course.evaluation.code_use import posterior_means
from vae_course.machine import LBFGS, Adam
from vae_course.models.classifier import Classifier
from vae_course.weights import WEIGHTS, read_classifier

# -------- Attribute vectors: directions of the code that change one property of a picture, and what they
# cost.
#
# ``codes`` are (n, latent) posterior means, ``has`` is (n,) with 1 (or True) where a picture shows the
# attribute and 0 where it does not. Take both from the training part; judge on other pictures.


def mean_difference(codes: Tensor, has: Tensor) -> Tensor:
    """Mean code with the attribute minus mean code without, (latent,) (Larsen et al. 2016)."""
    has = _checked(codes, has)
    return codes[has].mean(0) - codes[~has].mean(0)


def probe_direction(
    codes: Tensor, has: Tensor, *, weight_decay: float = 1e-3, iterations: int = 100
) -> Tensor:
    """The direction across the boundary of a linear probe (logistic regression), (latent,).

    A unit step does what the mean difference does to the probe: it moves the codes as far along the
    direction as the two groups lie apart. Editing along the normal of a separating plane is the recipe of
    Shen et al. 2020 ("Interpreting the latent space of GANs", section 3).

    Args:
        weight_decay: of the probe's weights, beside the mean cross-entropy in nats.
        iterations: of L-BFGS, at most.
    """
    has = _checked(codes, has)
    weight = torch.zeros(codes.shape[1], dtype=torch.float64, requires_grad=True)
    bias = torch.zeros((), dtype=torch.float64, requires_grad=True)
    x, y = codes.double(), has.double()
    optimizer = LBFGS([weight, bias], max_iter=iterations, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = F.binary_cross_entropy_with_logits(x @ weight + bias, y)
        value = value + weight_decay / 2 * weight.square().sum()
        value.backward()
        return value

    with torch.enable_grad():
        optimizer.step(loss)
    normal = weight.detach() / weight.detach().norm()
    return (normal * (mean_difference(x, has) @ normal)).to(codes.dtype)


def adjusted_vectors(codes: Tensor, attributes: Tensor) -> Tensor:
    """One vector for each attribute, the others held fixed: (n, latent) and (n, A) → (A, latent).

    Least squares of the codes on all attributes at once. Where attributes are independent, a row equals the
    mean difference (up to noise); where two come together in the data, each keeps its own share.

    Raises:
        ValueError: an attribute is constant, or follows from the others.
    """
    if attributes.ndim != 2 or len(attributes) != len(codes):
        raise ValueError(
            f"attributes have shape {tuple(attributes.shape)}; expected ({len(codes)}, number of attributes)."
        )
    design = torch.cat([torch.ones(len(codes), 1, dtype=torch.float64), attributes.double()], dim=1)
    if torch.linalg.matrix_rank(design) < design.shape[1]:
        raise ValueError("an attribute is constant or follows from the others; leave it out.")
    return torch.linalg.lstsq(design, codes.double()).solution[1:].to(codes.dtype)


@dataclass(frozen=True)
class EditReport:
    """What an edit did, by the readings of a judge, each from 0 (absent) to 1 (present).

    Attributes:
        gain: mean change of the target's reading, in the wanted direction.
        success: share of the pictures whose target reading ends on the wanted side of ½.
        collateral: mean absolute change of the other readings, over pictures and readings.
        changes: (A,), mean signed change of every reading.
    """

    gain: float
    success: float
    collateral: float
    changes: Tensor


def judge_edit(before: Tensor, after: Tensor, target: int, *, add: bool = True) -> EditReport:
    """Compare a judge's readings of pictures before and after an edit.

    ``before`` must be readings of the *reconstructed* pictures: else the VAE's blur counts as collateral.

    Args:
        before, after: (n, A), in [0, 1].
        target: column of the attribute that was edited.
        add: whether it was to be added (else removed).

    Raises:
        ValueError: shapes differ, or there is no such column.
    """
    if before.shape != after.shape or before.ndim != 2 or len(before) == 0:
        raise ValueError(
            f"readings have shapes {tuple(before.shape)} and {tuple(after.shape)}; expected (n, A)."
        )
    if not 0 <= target < before.shape[1]:
        raise ValueError(f"there is no column {target}; readings have {before.shape[1]} columns.")
    change = (after - before).double()
    others = [column for column in range(before.shape[1]) if column != target]
    sign = 1.0 if add else -1.0
    return EditReport(
        gain=sign * change[:, target].mean().item(),
        success=((after[:, target] > 0.5) == add).double().mean().item(),
        collateral=change[:, others].abs().mean().item() if others else 0.0,
        changes=change.mean(0),
    )


def _checked(codes: Tensor, has: Tensor) -> Tensor:
    has = torch.as_tensor(has)
    if codes.ndim != 2 or has.shape != codes.shape[:1]:
        raise ValueError(
            f"codes have shape {tuple(codes.shape)} and labels {tuple(has.shape)}; "
            "expected (n, latent) and (n,)."
        )
    has = has.bool()
    if not has.any() or has.all():
        raise ValueError("an attribute vector needs pictures with the attribute and pictures without.")
    return has


# -------- A judge of attributes: a small network that reads factors or attributes off a picture.


def train_reader(
    data,
    targets: Tensor,
    *,
    seed: int = 0,
    epochs: int = 8,
    batch_size: int = 64,
    learning_rate: float = 2e-3,
) -> Classifier:
    """Train a judge that reads numbers in [0, 1] off pictures, on the CPU.

    The cross-entropy with a target in [0, 1] is smallest at its expectation, so the same loss serves
    attributes (0 or 1) and factors (anything between).

    Args:
        data: ImageData, the training part.
        targets: float (N, A), in [0, 1].
        seed: of the weights and the order; torch's global state is left as it was.

    Raises:
        ValueError: not one row of targets for each picture, or a target outside [0, 1].
    """
    if targets.ndim != 2 or len(targets) != len(data):
        raise ValueError(
            f"targets have shape {tuple(targets.shape)}; expected a row for each of {len(data)}."
        )
    if not (targets.min() >= 0 and targets.max() <= 1):
        raise ValueError("a target lies outside [0, 1].")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Classifier(data.shape, targets.shape[1])
    order = torch.Generator().manual_seed(seed)
    optimizer = Adam(model.parameters(), lr=learning_rate)
    total = epochs * -(-len(data) // batch_size)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: max(1 - step / max(total, 1), 0.0))
    for _ in range(epochs):
        for index in torch.randperm(len(data), generator=order).split(batch_size):
            logits = model(data.batch(index, order))
            loss = F.binary_cross_entropy_with_logits(logits, targets[index].float())
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
    return model.eval().requires_grad_(False)


@torch.no_grad()
def read(reader: Classifier, images: Tensor, batch_size: int = 500) -> Tensor:
    """The reader's numbers for pictures (n, C, H, W) in [0, 1]: (n, A), in [0, 1]."""
    return torch.cat([reader(part).sigmoid() for part in images.split(batch_size)])


def load_reader(name: str) -> Classifier:
    """The shipped reader of a data set, trained on its training part.

    Args:
        name: "faces_synthetic" (reads the nine factors).

    Raises:
        ValueError: no reader of that name comes with the package.
    """
    return read_classifier(WEIGHTS / f"reader_{name}.pt")


# -------- Attribute vectors on pictures without a known truth: success and collateral by a reader of
# attributes.

AMOUNTS = tuple(0.2 * step for step in range(1, 26))


def edit_rows(
    model,
    train,
    held_out,
    reader: Classifier,
    attributes: Sequence[str],
    *,
    gain: float = 0.4,
    n: int = 400,
    only: Sequence[str] | None = None,
) -> list[dict]:
    """Add attributes to held-out pictures at equal gain, by each kind of vector; one row each.

    Vectors and doses come from the training part. The dose of a vector is the smallest multiple with which
    the reader's mean reading of the target rises by ``gain``.

    Args:
        model: a VAE.
        train, held_out: ImageData with attributes.
        reader: reads all attributes of the data, in the order of its columns.
        attributes: the ones to add.
        gain: wanted rise of the target's mean reading, in (0, 1).
        n: at most so many pictures of each part, all without the attribute.
        only: attributes that the adjusted vector holds fixed; default: all that vary in ``train``.

    Returns:
        Dicts with attribute, vector, dose (None: the gain was not reached with any of them, and the largest
        was used), gain, success, collateral, and the bystander that changed most, with its change.
    """
    codes, has = posterior_means(model, train), train.attributes.float().cpu()
    held = list(only or train.attribute_names)
    columns = [train.attribute_names.index(name) for name in held]
    columns = [column for column in columns if 0.005 < has[:, column].mean() < 0.995]
    all_vectors = adjusted_vectors(codes, has[:, columns])
    rows = []
    for attribute in attributes:
        target = train.attribute_names.index(attribute)
        vectors = {
            "mean difference": mean_difference(codes, has[:, target]),
            "probe": probe_direction(codes, has[:, target]),
            "adjusted": all_vectors[columns.index(target)],
        }
        tuning, judged = (_without(data, target, n) for data in (train, held_out))
        for name, vector in vectors.items():
            dose = _dose(model, reader, tuning, vector, target, gain)
            amount = AMOUNTS[-1] if dose is None else dose
            before, after = _readings(model, reader, judged, amount * vector)
            report = judge_edit(before, after, target)
            bystanders = report.changes.clone()
            bystanders[target] = 0
            most = int(bystanders.abs().argmax())
            rows.append(
                {
                    "attribute": attribute,
                    "vector": name,
                    "dose": dose,
                    "gain": report.gain,
                    "success": report.success,
                    "collateral": report.collateral,
                    "most changed bystander": train.attribute_names[most],
                    "its change": bystanders[most].item(),
                }
            )
    return rows


@torch.no_grad()
def _decoded(model, codes: Tensor) -> Tensor:
    parts = [model.likelihood.mean(model.decode(part)).clamp(0, 1) for part in codes.split(500)]
    return torch.cat(parts)


def _without(data, target: int, n: int):
    rows = torch.nonzero(data.attributes[:, target] == 0)[:n, 0]
    return data.select(rows)


def _readings(model, reader: Classifier, data, step: Tensor) -> tuple[Tensor, Tensor]:
    codes = posterior_means(model, data)
    return read(reader, _decoded(model, codes)), read(reader, _decoded(model, codes + step))


def _dose(model, reader: Classifier, data, vector: Tensor, target: int, gain: float) -> float | None:
    low, high = 0, len(AMOUNTS) - 1
    codes = posterior_means(model, data)
    start = read(reader, _decoded(model, codes))[:, target].mean()

    def rise(index: int) -> float:
        changed = read(reader, _decoded(model, codes + AMOUNTS[index] * vector))
        return (changed[:, target].mean() - start).item()

    if rise(high) < gain:
        return None
    while low < high:  # the smallest amount that is enough, if the reading rises with the amount
        middle = (low + high) // 2
        if rise(middle) >= gain:
            high = middle
        else:
            low = middle + 1
    return AMOUNTS[low]
