"""Chapter 04's bars: each factor does to the picture what its name says."""

import torch

from vae_course.data.toys import draw_bars


def center_and_ink(*factors):
    image = draw_bars(torch.tensor([factors])).floats()[0, 0]
    place = torch.arange(16.0) - 7.5
    return (
        (image.sum(0) @ place / image.sum()).item(),
        (image.sum(1) @ place / image.sum()).item(),
        image.sum(),
    )


def test_factors_move_grow_and_turn_the_bar():
    x, y, ink = center_and_ink(0.5, 0.5, 0.5, 0.5)
    assert abs(x) < 0.1 and abs(y) < 0.1
    assert center_and_ink(0.9, 0.5, 0.5, 0.5)[0] > 1.5
    assert center_and_ink(0.5, 0.1, 0.5, 0.5)[1] < -1.5
    assert center_and_ink(0.5, 0.5, 1.0, 0.5)[2] > 1.2 * ink
    bars = draw_bars(torch.tensor([[0.5, 0.5, 0.5, angle] for angle in (0.0, 0.5, 1.0)])).floats()
    assert torch.allclose(bars[0], bars[2].flip(-1), atol=1 / 255)  # the two ends are mirror images
    assert torch.pdist(bars.flatten(1)).min() > 1
