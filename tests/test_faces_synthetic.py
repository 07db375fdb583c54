"""The synthetic faces: one factor changes what it should and nothing else, and the data set keeps them."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vae_course.data.faces import ATTRIBUTES, FACTORS, FaceData, draw_faces, draw_factors
from vae_course.data.loading import load

# Rows and columns (of 64) outside of which a factor must not change a single pixel.
PLACES = {
    "smile": (slice(34, 60), slice(12, 52)),
    "glasses": (slice(20, 44), slice(8, 56)),
    "eyes": (slice(24, 40), slice(10, 54)),
}


def with_factor(factors, name, value):
    changed = factors.clone()
    changed[:, FACTORS.index(name)] = value
    return changed


def change(name, factors):
    """Largest change of each pixel over faces, (64, 64), when a factor goes from 0 to 1."""
    low, high = (draw_faces(with_factor(factors, name, value)).int() for value in (0.0, 1.0))
    return (high - low).abs().amax((0, 1))


@pytest.mark.parametrize("name", FACTORS)
def test_every_factor_can_be_seen_on_every_face(name):
    factors = draw_factors(40, seed=1)
    low, high = (draw_faces(with_factor(factors, name, value)).int() for value in (0.0, 1.0))
    assert ((high - low).abs().amax((1, 2, 3)) > 30).all()


@pytest.mark.parametrize("name", PLACES)
def test_a_feature_changes_its_own_place_only(name):
    rows, columns = PLACES[name]
    changed = change(name, draw_factors(40, seed=2))
    changed[rows, columns] = 0
    assert changed.max() <= 1


@given(seed=st.integers(0, 2**31), n=st.integers(1, 5))
def test_faces_do_not_depend_on_their_neighbors(seed, n):
    factors = draw_factors(n, seed)
    together = draw_faces(factors)
    assert together.shape == (n, 3, 64, 64) and together.dtype == torch.uint8
    assert all(
        torch.equal(draw_faces(row[None])[0], face) for row, face in zip(factors, together, strict=True)
    )


def test_factors_are_independent_and_cover_their_range():
    factors = draw_factors(20_000, seed=0)
    correlation = torch.corrcoef(factors.T) - torch.eye(len(FACTORS))
    assert correlation.abs().max() < 0.03
    glasses = factors[:, FACTORS.index("glasses")]
    assert set(glasses.tolist()) == {0.0, 1.0} and 0.49 < glasses.mean() < 0.51
    assert factors.min() >= 0 and factors.max() <= 1


def test_load_gives_faces_whose_factors_follow_them():
    faces = load("faces_synthetic", "validation", subset=20, seed=3)
    assert isinstance(faces, FaceData) and len(faces) == 20 and faces.shape == (3, 64, 64)
    part = faces.select(faces.attribute("Eyeglasses") == 1).to("cpu").subset(4)
    assert torch.equal(draw_faces(part.factors), part.images)
    assert torch.equal(
        part.attribute("Smiling"), (part.factors[:, FACTORS.index("smile")] > 0.5).to(torch.uint8)
    )
    assert len(ATTRIBUTES) == len(FACTORS) == part.attributes.shape[1]


def test_splits_are_fixed_and_share_no_face():
    parts = {split: load("faces_synthetic", split) for split in ("train", "validation", "test")}
    assert [len(part) for part in parts.values()] == [8000, 1000, 1000]
    rows = torch.cat([part.factors for part in parts.values()])
    assert len(rows.unique(dim=0)) == len(rows)
    both = load("faces_synthetic", "train+validation")
    assert torch.equal(both.images[8000:], parts["validation"].images)
    # Written down once: a face that changes changes every number of the chapters. (Rounding may differ.)
    assert abs(parts["train"].images[:100].long().sum() - 190_211_184) < 2000


def test_bad_factors_are_refused_in_a_sentence():
    for bad in (torch.full((2, 9), 1.1), torch.full((2, 9), torch.nan), torch.zeros(2, 8)):
        with pytest.raises(ValueError, match="factor"):
            draw_faces(bad)
