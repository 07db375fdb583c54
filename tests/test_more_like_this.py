"""More like this: children stay on the prior and near their parents; the game and its widget."""

import pytest
import torch

from vae_course import VAE
from vae_course.plots import pictures
from vae_course.widgets.more_like_this import Breeding, MoreLikeThis, breed, draw_rounds, more_like


@pytest.fixture
def model():
    torch.manual_seed(0)
    return VAE(image_shape=(1, 8, 8), latent_dim=3, hidden_dims=(8,)).eval()


@pytest.mark.parametrize("spread", [0.0, 0.3, 0.9, 1.0])
def test_children_of_the_prior_follow_the_prior(spread):
    generator = torch.Generator().manual_seed(0)
    parents = torch.randn(40_000, 3, generator=generator)
    children = more_like(parents, 40_000, spread, generator)
    assert torch.allclose(torch.cov(children.T), torch.eye(3), atol=0.03)
    together = (children * parents).mean(0)
    assert torch.allclose(together, torch.full((3,), (1 - spread**2) ** 0.5), atol=0.03)


def test_every_picked_one_gets_children():
    children = more_like(torch.tensor([[10.0], [-10.0]]), 5, 0.1, torch.Generator().manual_seed(0))
    assert (children[:, 0] > 0).tolist() == [True, False, True, False, True]
    with pytest.raises(ValueError, match="pick at least one"):
        more_like(torch.zeros(0, 3), 4, 0.1)
    with pytest.raises(ValueError, match="spread"):
        more_like(torch.zeros(1, 3), 4, 1.5)


def test_a_game_keeps_what_was_picked_and_repeats(model):
    games = [breed(model, lambda images: [4, 1], rounds=3, spread=0.3, n=6, seed=5) for _ in range(2)]
    assert all(torch.equal(a, b) for a, b in zip(games[0].codes, games[1].codes, strict=True))
    assert len(games[0].codes) == 4 and games[0].picked == [[1, 4]] * 3
    for before, after in zip(games[0].codes, games[0].codes[1:], strict=False):
        assert torch.equal(after[:2], before[[1, 4]])


def test_picking_nothing_starts_afresh_and_what_is_not_there_is_refused(model):
    game = Breeding(model, n=4)
    game.pick([], 0.5)
    assert not torch.isclose(game.codes[0], game.codes[1]).any()
    with pytest.raises(IndexError):
        game.pick([4], 0.5)


def test_picking_what_one_likes_gives_more_of_it(model):
    def brightest(images):
        return images.mean((1, 2, 3)).topk(2).indices.tolist()

    game = breed(model, brightest, rounds=8, spread=0.3, n=10)
    first, last = (pictures(model, game.codes[number]).mean().item() for number in (0, 8))
    assert last > first


def test_the_buttons_do_what_they_say(model):
    shell = MoreLikeThis(model, n=4, seed=1)
    first = [picture.value for picture in shell.pictures]
    assert all('alt="Round 1, picture' in value for value in first)
    shell.boxes[2].value = True
    kept = shell.game.codes[0][2]
    assert torch.equal(shell.codes, kept[None])
    shell.more.click()
    assert torch.equal(shell.game.codes[-1][0], kept) and not any(box.value for box in shell.boxes)
    assert 'alt="Round 2, picture 1."' in shell.pictures[0].value
    shell.again.click()
    assert [picture.value for picture in shell.pictures] == first


def test_the_still_figure_marks_the_picked_ones_by_more_than_color(model):
    figure = draw_rounds(breed(model, lambda images: [0, 3], rounds=2, spread=0.5, n=5))
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["round 1", "round 2", "round 3"]
    assert len(axes.patches) == 4 and [text.get_text() for text in axes.texts] == ["✓"] * 4
