"""Plots: what they show is what they were given, they say what it is, and they leave nothing open."""

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse

from vae_course import plots as plotting
from vae_course.data.images import ImageData
from vae_course.elbo import GaussianPosterior
from vae_course.likelihoods import LIKELIHOODS
from vae_course.models.vae import VAE, Autoencoder
from vae_course.plots import style
from vae_course.plots.images import GAP, check_images, grid_shape, montage, pictures
from vae_course.plots.latent import MAX_POINTS
from vae_course.training.loop import History


@pytest.fixture(autouse=True)
def nothing_leaks():
    """No figure is left with pyplot and no setting of the reader's is changed."""
    before = dict(matplotlib.rcParams)
    yield
    assert plt.get_fignums() == []
    assert dict(matplotlib.rcParams) == before


def make_model(kind=VAE, latent_dim=2, shape=(1, 8, 8), **options):
    torch.manual_seed(0)
    return kind(image_shape=shape, latent_dim=latent_dim, hidden_dims=(16,), **options)


def make_data(n=30, shape=(1, 8, 8), labels=True, binarize=None):
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (n, *shape), generator=generator, dtype=torch.uint8)
    return ImageData(
        "toy", "test", images, torch.arange(n) % 3 if labels else None, ("0", "1", "2"), binarize
    )


def make_history(values, validation=True, **more):
    """A history whose -ELBO is ``values``, from epoch 0."""
    records = []
    for epoch, value in enumerate(values):
        terms = {"negative_elbo": value, "reconstruction": 0.75 * value, "kl": 0.25 * value}
        held_out = {name: 1.1 * term for name, term in terms.items()} if validation else None
        records.append({"epoch": epoch, "train": terms, "validation": held_out})
    return History(records, **more)


def drawn(figure: Figure) -> np.ndarray:
    """The pixels of a figure, (height, width, 3) in 0..255; fails when it cannot be drawn."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]


def shown(figure: Figure) -> np.ndarray:
    """The one picture of a figure, (height, width, 3) in [0, 1]."""
    (image,) = figure.axes[0].get_images()
    return np.asarray(image.get_array())


def cell(picture: np.ndarray, row: int, column: int, side: int = 8) -> np.ndarray:
    """One cell of a grid with the usual gaps, grey, (side, side)."""
    top, left = row * (side + GAP), column * (side + GAP)
    return picture[top : top + side, left : left + side, 0]


class TestImageGrid:
    @settings(deadline=None, max_examples=40)
    @given(
        n=st.integers(1, 20),
        channels=st.sampled_from([1, 3]),
        height=st.integers(1, 9),
        width=st.integers(1, 9),
        columns=st.one_of(st.none(), st.integers(1, 25)),
        seed=st.integers(0, 2**16),
    )
    def test_every_image_is_in_its_cell(self, n, channels, height, width, columns, seed):
        images = torch.rand((n, channels, height, width), generator=torch.Generator().manual_seed(seed))
        rows, columns = grid_shape(n, None, columns)
        picture = shown(plotting.image_grid(images, rows, columns))
        assert picture.shape == (rows * (height + GAP) - GAP, columns * (width + GAP) - GAP, 3)
        untouched = np.ones(picture.shape[:2], dtype=bool)
        for index in range(n):
            row, column = divmod(index, columns)
            part = np.s_[
                row * (height + GAP) : row * (height + GAP) + height,
                column * (width + GAP) : column * (width + GAP) + width,
            ]
            expected = images[index].expand(3, height, width).permute(1, 2, 0).numpy()
            np.testing.assert_array_equal(picture[part], expected)
            untouched[part] = False
        assert (picture[untouched] == 1).all()

    @settings(deadline=None, max_examples=60)
    @given(n=st.integers(1, 500))
    def test_grid_is_near_a_square_without_empty_rows(self, n):
        rows, columns = grid_shape(n)
        assert rows * columns >= n > (rows - 1) * columns
        assert 0 <= columns - rows <= 1

    def test_given_rows_or_columns_are_kept(self):
        assert grid_shape(7, rows=2) == (2, 4)
        assert grid_shape(7, columns=2) == (4, 2)

    def test_titles_are_drawn_once_each(self):
        figure = plotting.image_grid(
            torch.rand(5, 1, 8, 8), 2, 3, column_titles=list("abc"), row_titles=["top", "bottom"]
        )
        texts = [text.get_text() for text in figure.axes[0].texts]
        assert texts == list("abc")
        assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["top", "bottom"]

    def test_long_titles_stay_inside_the_figure(self):
        figure = plotting.image_grid(
            torch.zeros(4, 1, 8, 8),
            2,
            2,
            column_titles=["a very long title for so small a picture"] * 2,
            row_titles=["the first of the two rows", "the second"],
        )
        drawn(figure)
        axes = figure.axes[0]
        assert axes.texts[0].get_text().startswith("a very") and axes.texts[0].get_text().endswith("…")
        assert axes.texts[0].get_fontsize() >= 7
        for text in (*axes.texts, *axes.get_yticklabels()):
            box = text.get_window_extent()
            assert box.x0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1

    def test_figure_fits_a_notebook(self):
        figure = plotting.image_grid(
            torch.zeros(60, 3, 8, 16), 2, 30, row_titles=["original", "reconstruction"]
        )
        assert figure.get_size_inches()[0] <= 10

    @pytest.mark.parametrize(
        ("images", "words"),
        [
            ([[0.5]], r"not \(1, 1\)"),
            (torch.zeros(8, 8), r"height, width\), not \(8, 8\)"),
            (torch.zeros(4, 2, 8, 8), "1 or 3 channels"),
            (torch.zeros(0, 1, 8, 8), "n >= 1"),
            (torch.zeros(4, 1, 8, 8, dtype=torch.uint8), "not uint8"),
            (torch.full((1, 1, 2, 2), float("nan")), "must be finite"),
            (torch.full((1, 1, 2, 2), 2.0), "need a sigmoid"),
        ],
    )
    def test_wrong_images_are_refused_in_words(self, images, words):
        with pytest.raises(ValueError, match=words):
            plotting.image_grid(images)

    @pytest.mark.parametrize(
        "arguments",
        [{"rows": 1, "columns": 3}, {"column_titles": ["one"]}, {"row_titles": ["a"] * 9}],
    )
    def test_wrong_grids_are_refused(self, arguments):
        with pytest.raises(ValueError, match=r"\.$"):
            plotting.image_grid(torch.zeros(4, 1, 8, 8), **arguments)

    def test_rounding_just_outside_the_range_is_clipped(self):
        array = check_images(torch.tensor([-1e-6, 1 + 1e-6]).reshape(1, 1, 1, 2))
        assert array.min() == 0 and array.max() == 1


class TestTrainingCurves:
    def test_one_labelled_panel_per_term(self):
        figure = plotting.training_curves(make_history([544, 180, 150, 140]))
        assert [axes.get_title(loc="left") for axes in figure.axes] == ["−ELBO", "reconstruction", "KL"]
        assert figure.axes[0].get_ylabel() == "nats per example"
        assert all(axes.get_xlabel() == "epoch" for axes in figure.axes)
        drawn(figure)

    def test_lines_hold_the_history_and_differ_without_color(self):
        values = [544, 180, 150, 140]
        training, held_out = plotting.training_curves(make_history(values)).axes[0].lines
        np.testing.assert_array_equal(training.get_xdata(), [0, 1, 2, 3])
        np.testing.assert_array_equal(training.get_ydata(), values)
        np.testing.assert_allclose(held_out.get_ydata(), 1.1 * np.array(values))
        assert training.get_linestyle() != held_out.get_linestyle()
        assert training.get_marker() != held_out.get_marker()

    def test_a_huge_start_is_told_and_not_drawn_to_scale(self):
        axes = plotting.training_curves(make_history([544, 180, 150, 140])).axes[0]
        assert axes.get_ylim()[1] < 250
        assert axes.get_ylim()[0] < 140
        assert "598" in axes.get_title(loc="right")  # the held-out value, the larger of the two

    def test_a_start_near_the_rest_is_drawn_to_scale(self):
        axes = plotting.training_curves(make_history([5, 4, 3, 2])).axes[0]
        assert axes.get_ylim()[1] > 5.5
        assert axes.get_title(loc="right") == ""

    def test_best_epoch_of_a_run_that_stopped_early_is_marked(self):
        history = make_history([9, 5, 4, 6], stopped_early=True, best_epoch=2)
        mark = plotting.training_curves(history).axes[0].lines[-1]
        assert list(mark.get_xdata()) == [2, 2]

    def test_without_held_out_data_there_is_one_line(self):
        assert len(plotting.training_curves(make_history([9, 5], validation=False)).axes[0].lines) == 1

    def test_only_epoch_0_can_be_drawn(self):
        drawn(plotting.training_curves(make_history([544])))


class TestPicturesOfAModel:
    @pytest.mark.parametrize("shape", [(1, 8, 8), (3, 8, 8)])
    def test_reconstructions_of_a_vae_have_three_rows(self, shape):
        model, data = make_model(shape=shape), make_data(shape=shape)
        figure = plotting.reconstructions(model, data, n=5, seed=3)
        labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
        assert labels == ["original", "at the mean code", "at a sampled code"]
        assert shown(figure).shape[:2] == (3 * 10 - 2, 5 * 10 - 2)

    def test_reconstructions_show_originals_above_what_the_model_makes_of_them(self):
        model, data = make_model(), make_data()
        picture = shown(plotting.reconstructions(model, data, n=4))
        originals = {data.floats()[i].numpy().tobytes(): i for i in range(len(data))}
        seen = set()
        for column in range(4):
            original = np.ascontiguousarray(cell(picture, 0, column))
            index = originals[original.tobytes()]
            seen.add(index)
            expected = model.reconstruct(data.batch(slice(index, index + 1)))[0, 0].clamp(0, 1)
            np.testing.assert_allclose(cell(picture, 1, column), expected, atol=1e-6)
            assert np.abs(cell(picture, 2, column) - cell(picture, 1, column)).max() > 0
        assert len(seen) == 4

    def test_reconstructions_of_an_autoencoder_have_two_rows(self):
        figure = plotting.reconstructions(make_model(Autoencoder), make_data(), n=3)
        labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
        assert labels == ["original", "reconstruction"]

    def test_binary_data_is_drawn_once_for_both_rows(self):
        picture = shown(plotting.reconstructions(make_model(), make_data(binarize="dynamic"), n=4))
        assert set(np.unique(cell(picture, 0, 0))) <= {0.0, 1.0}

    def test_samples_repeat_with_a_seed(self):
        model = make_model()
        first, again, other = (shown(plotting.samples(model, 10, seed)) for seed in (1, 1, 2))
        np.testing.assert_array_equal(first, again)
        assert np.abs(first - other).max() > 0
        assert first.shape[:2] == (3 * 10 - 2, 4 * 10 - 2)

    def test_noisy_samples_of_a_bernoulli_are_black_or_white(self):
        assert set(np.unique(shown(plotting.samples(make_model(), 4, noise=True)))) <= {0.0, 1.0}

    @pytest.mark.parametrize("likelihood", sorted(LIKELIHOODS))
    def test_draws_differ_from_means_and_both_are_pictures(self, likelihood):
        model = make_model(likelihood=likelihood)
        means, draws = (shown(plotting.samples(model, 4, seed=5, noise=noise)) for noise in (False, True))
        assert 0 <= min(means.min(), draws.min()) and max(means.max(), draws.max()) <= 1
        assert np.abs(means - draws).max() > 0.01

    def test_draws_average_to_the_mean(self):
        model = make_model()
        z = torch.zeros(4000, 2)
        average = pictures(model, z, torch.Generator().manual_seed(0)).mean(0)
        mean = pictures(model, z[:1])[0]
        error = (mean * (1 - mean) / 4000).sqrt()
        assert ((average - mean).abs() < 5 * error).all()

    def test_a_model_is_left_as_it_was(self):
        model, data = make_model(), make_data()
        before = {name: value.clone() for name, value in model.state_dict().items()}
        state = torch.get_rng_state()
        for mode in (True, False):
            model.train(mode)
            plotting.reconstructions(model, data)
            plotting.samples(model, 4)
            plotting.manifold(model, 3)
            assert model.training is mode
        assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
        assert all(parameter.grad is None for parameter in model.parameters())
        assert torch.equal(state, torch.get_rng_state())

    def test_what_cannot_be_drawn_is_refused(self):
        with pytest.raises(ValueError, match="Autoencoder has no prior"):
            plotting.samples(make_model(Autoencoder))


class TestLatentScatter:
    def points(self, figure):
        return np.concatenate([np.asarray(part.get_offsets()) for part in figure.axes[0].collections])

    def test_two_dimensions_are_drawn_as_they_are(self):
        codes = torch.randn(60, 2, generator=torch.Generator().manual_seed(0))
        figure = plotting.latent_scatter(codes, torch.arange(60) % 3, ["0", "1", "2"])
        found = self.points(figure)
        np.testing.assert_allclose(sorted(found.tolist()), sorted(codes.tolist()), rtol=1e-6)
        assert "z_1" in figure.axes[0].get_xlabel() and "z_2" in figure.axes[0].get_ylabel()
        assert "standard deviations" in figure.axes[0].get_xlabel()
        drawn(figure)

    def test_more_dimensions_are_projected_and_the_share_is_told(self):
        generator = torch.Generator().manual_seed(0)
        spread = torch.tensor([3.0, 2.0, 1.0, 0.0])
        noise = torch.linalg.qr(torch.randn(2000, 4, generator=generator)).Q  # exactly uncorrelated
        codes = (noise - noise.mean(0)) * 2000**0.5 * spread
        axes = plotting.latent_scatter(codes).axes[0]
        assert axes.get_xlabel() == "principal component 1 (64% of the variance)"
        assert axes.get_ylabel() == "principal component 2 (29% of the variance)"
        found = np.asarray(axes.collections[0].get_offsets())
        np.testing.assert_allclose(found.std(0), [3, 2], rtol=0.01)

    def test_one_dimension_has_a_row_per_class(self):
        figure = plotting.latent_scatter(torch.linspace(-2, 2, 30)[:, None], torch.arange(30) % 3)
        assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["0", "1", "2"]
        found = self.points(figure)
        assert set(np.round(found[:, 1])) == {0, 1, 2}
        drawn(figure)

    def test_long_names_get_a_legend_and_markers_of_their_own(self):
        names = ["T-shirt/top", "Trouser", "Ankle boot"]
        figure = plotting.latent_scatter(torch.randn(30, 2), torch.arange(30) % 3, names)
        assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == names
        vertices = {part.get_paths()[0].vertices.tobytes() for part in figure.axes[0].collections}
        assert len(vertices) == 3

    def test_names_with_dollars_are_no_formulas(self):
        drawn(plotting.latent_scatter(torch.randn(30, 2), torch.arange(30) % 2, ["$", "a_$"]))

    def test_a_large_set_is_thinned_the_same_way_each_time(self):
        codes = torch.randn(MAX_POINTS + 500, 2, generator=torch.Generator().manual_seed(0))
        first, again = (self.points(plotting.latent_scatter(codes)) for _ in range(2))
        assert len(first) == MAX_POINTS
        np.testing.assert_array_equal(first, again)

    def test_codes_that_do_not_vary_can_be_drawn(self):
        drawn(plotting.latent_scatter(torch.zeros(10, 5), torch.zeros(10, dtype=torch.int64)))

    @pytest.mark.parametrize(
        ("codes", "labels", "names", "words"),
        [
            (torch.zeros(5), None, None, "shape"),
            (torch.zeros(1, 2), None, None, "n >= 2"),
            (torch.full((4, 2), float("inf")), None, None, "must be finite"),
            (torch.zeros(4, 2), [0, 1], None, "4 whole numbers"),
            (torch.zeros(4, 2), [0.5] * 4, None, "whole numbers"),
        ],
    )
    def test_wrong_input_is_refused_in_words(self, codes, labels, names, words):
        with pytest.raises(ValueError, match=words):
            plotting.latent_scatter(codes, labels, names)


class TestManifold:
    def test_pictures_lie_at_normal_quantiles(self):
        model = make_model()
        picture = shown(plotting.manifold(model, 5))
        normal = torch.distributions.Normal(0.0, 1.0)
        for row, column in ((0, 0), (4, 1), (2, 3)):
            # The second axis points up, so the first row of pictures has its largest value.
            z = normal.icdf(torch.tensor([[0.01 + 0.245 * column, 0.01 + 0.245 * (4 - row)]]))
            expected = pictures(model, z)[0, 0]
            part = picture[8 * row : 8 * row + 8, 8 * column : 8 * column + 8, 0]
            np.testing.assert_allclose(part, expected, atol=1e-5)

    def test_ticks_give_z(self):
        axes = plotting.manifold(make_model(), 5).axes[0]
        labels = [label.get_text() for label in axes.get_xticklabels()]
        assert labels == ["−2", "−1", "−0.5", "0", "0.5", "1", "2"]
        middle = axes.get_xticks()[labels.index("0")]
        assert middle == pytest.approx((5 * 8 - 1) / 2)
        assert "1% to 99%" in axes.get_xlabel()

    def test_other_dimensions_stay_at_0(self):
        model = make_model(latent_dim=3)
        expected = pictures(model, torch.zeros(1, 3))[0, 0]
        figure = plotting.manifold(model, 3)
        np.testing.assert_allclose(shown(figure)[8:16, 8:16, 0], expected, atol=1e-5)
        assert "the others at 0" in figure.axes[0].get_xlabel()


class TestInterpolationStrip:
    def test_one_path_is_one_row_labelled_from_0_to_1(self):
        figure = plotting.interpolation_strip(torch.rand(1, 5, 1, 8, 8), list("abcde"))
        assert [text.get_text() for text in figure.axes[0].texts] == list("abcde")
        assert shown(figure).shape[:2] == (8, 5 * 10 - 2)

    def test_several_paths_are_rows(self):
        paths = torch.rand(2, 4, 3, 8, 8)
        figure = plotting.interpolation_strip(paths, list("abcd"), row_labels=["x", "y"])
        picture = shown(figure)
        np.testing.assert_array_equal(cell(picture, 1, 2), paths[1, 2, 0])
        assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["x", "y"]

    def test_wrong_input_is_refused_in_words(self):
        with pytest.raises(ValueError, match="must hold 5 texts"):
            plotting.interpolation_strip(torch.rand(1, 5, 1, 8, 8), ["a"])


class TestPosteriorEllipses:
    def ellipses(self, figure):
        return [patch for patch in figure.axes[0].patches if isinstance(patch, Ellipse)]

    def test_ellipses_are_one_and_two_standard_deviations_wide(self):
        posterior = GaussianPosterior(torch.tensor([[1.0, -0.5]]), torch.tensor([[0.5**2, 0.25**2]]).log())
        figure = plotting.posterior_ellipses(posterior, ["7"])
        prior = [e for e in self.ellipses(figure) if tuple(e.center) == (0, 0)]
        own = [e for e in self.ellipses(figure) if tuple(e.center) == (1.0, -0.5)]
        assert sorted(e.width for e in prior) == [2, 4]
        outlines = sorted((e.width, e.height) for e in own if not e.get_fill())
        np.testing.assert_allclose(outlines, [(1, 0.5), (2, 1)], rtol=1e-6)
        assert [text.get_text() for text in figure.axes[0].texts] == ["7"]
        assert "standard deviations" in figure.axes[0].get_xlabel()
        drawn(figure)

    def test_everything_is_inside_the_axes(self):
        posterior = GaussianPosterior(torch.tensor([[9.0, 0.0]]), torch.zeros(1, 2))
        axes = plotting.posterior_ellipses(posterior).axes[0]
        assert axes.get_xlim()[1] >= 11

    def test_the_two_dimensions_with_most_information_are_shown(self):
        mean = torch.tensor([[0.0, 3.0, 0.1, -2.0]])
        figure = plotting.posterior_ellipses(GaussianPosterior(mean, torch.zeros(1, 4)))
        assert "z_{2}" in figure.axes[0].get_xlabel() and "z_{4}" in figure.axes[0].get_ylabel()


class TestStyle:
    def test_a_block_puts_back_what_was_there(self):
        before = matplotlib.rcParams["font.size"]
        with style.use():
            assert matplotlib.rcParams["font.size"] == style.RC["font.size"] != before
        assert matplotlib.rcParams["font.size"] == before

    def test_the_style_is_put_back_after_an_error(self):
        before = matplotlib.rcParams["font.size"]
        with pytest.raises(ValueError, match="images must"):
            plotting.image_grid(torch.zeros(2, 2))
        assert matplotlib.rcParams["font.size"] == before

    def test_a_subject_has_its_color_wherever_it_stands(self):
        first, second = style.looks(["GAN", "β = 1", "VAE"]), style.looks(["VAE", "GAN"])
        assert first[0]["color"] == second[1]["color"] == style.ORANGE
        assert first[2]["color"] == second[0]["color"] == style.VAE == style.BLUE
        for looks in (first, second, style.looks("abcdefgh")):
            assert len({look["color"] for look in looks}) == len(looks)
        axes = plotting.line_plot({"other": ([0, 1], [0, 1]), "VAE": ([0, 1], [1, 0])}, "x", "y").axes[0]
        assert [line.get_color() for line in axes.lines] == [style.VERMILION, style.BLUE]
        dots = plotting.interval_dots({"m": {"GAN": (1, 0, 2), "VAE": (1, 0, 2)}}).axes[0].lines[1::2]
        assert [dot.get_color() for dot in dots] == [style.ORANGE, style.BLUE]

    def test_no_two_of_100_classes_look_the_same(self):
        looks = {(look["color"], look["marker"]) for look in map(style.class_style, range(100))}
        assert len(looks) == 100

    def test_colors_stand_out_from_white_paper(self):
        # WCAG 2.1: relative luminance and contrast; 2 : 1 is what a thin colored line needs at the least.
        for color in (*style.COLORS, *style.CLASS_COLORS):
            channels = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
            linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
            assert 1.05 / (linear @ [0.2126, 0.7152, 0.0722] + 0.05) > 2


def test_montage_of_one_picture_has_no_gap():
    assert montage(np.zeros((1, 3, 4, 5), np.float32), 1, 1).shape == (4, 5, 3)


def test_bars_carry_their_numbers_and_some_are_blue():
    figure = plotting.bars({"raw": 8.0, "VAE": 6.99}, "bits", ["VAE"])
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.texts] == ["8.00", "6.99"]
    assert axes.patches[0].get_facecolor() != axes.patches[1].get_facecolor()
