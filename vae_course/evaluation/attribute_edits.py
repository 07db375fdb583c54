"""Attribute vectors on pictures without a known truth: success and collateral by a reader of attributes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from vae_course.evaluation.attribute_reader import read
from vae_course.evaluation.attributes import adjusted_vectors, judge_edit, mean_difference, probe_direction
from vae_course.evaluation.classifier import Classifier
from vae_course.evaluation.latent import posterior_means

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
