"""The exercises of chapter 09."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from vae_course.exercises.noise import noise_problem
from vae_course.models.letters import LetterVAE
from vae_course.teaching.exercise import CONTRACT, WRONG, Exercise, Mistake, Verdict
from vae_course.teaching.grading import contract_problem, to_tensor

# -------- Exercises of chapter 09: AUROC, and attribute vectors with the others held fixed.


def area(normal: Tensor, strange: Tensor) -> float:
    higher = (strange[:, None] > normal[None, :]).double()
    ties = (strange[:, None] == normal[None, :]).double()
    return (higher + 0.5 * ties).mean().item()


def _score_cases(seed: int) -> list[tuple]:
    generator = torch.Generator().manual_seed(seed)
    spread_out = torch.randn(9, generator=generator), 1 + torch.randn(5, generator=generator)
    many_ties = (
        torch.randint(0, 4, (8,), generator=generator).float(),
        torch.randint(1, 5, (6,), generator=generator).float(),
    )
    skewed = torch.tensor([0.1, 0.2, 0.3, 50.0]), torch.tensor([0.4, 0.5, 0.25])
    return [spread_out, many_ties, skewed, (torch.ones(3), torch.ones(4))]


AUROC = Exercise(
    id="09.5",
    title="AUROC",
    contract="area(normal, strange): scores (n,) and (m,), higher for stranger. Returns the probability that "
    "a strange example scores higher than a normal one, ties counted half: a number in [0, 1].",
    stub='''def area(normal: torch.Tensor, strange: torch.Tensor) -> float:
    """normal: (n,), strange: (m,). Returns a number in [0, 1]."""
    ...''',
    hints=(
        "There are n·m pairs of a normal and a strange example.",
        "strange[:, None] > normal[None, :] compares all of them at once.",
        "A pair with equal scores counts one half.",
    ),
    mistakes=(
        Mistake(
            "ties not counted",
            "A pair with equal scores counts one half; a constant score must come out at one half.",
            lambda normal, strange: (strange[:, None] > normal).double().mean().item(),
        ),
        Mistake(
            "ties counted in full",
            "A pair with equal scores counts one half; a constant score must come out at one half.",
            lambda normal, strange: (strange[:, None] >= normal).double().mean().item(),
        ),
        Mistake(
            "the wrong way round",
            "A strange example should score higher than a normal one.",
            lambda normal, strange: area(strange, normal),
        ),
        Mistake(
            "accuracy at one threshold",
            "AUROC has no threshold: it compares pairs.",
            (
                lambda normal, strange: _accuracy(normal, strange, torch.cat([normal, strange]).mean()),
                lambda normal, strange: _accuracy(normal, strange, torch.cat([normal, strange]).median()),
                lambda normal, strange: _accuracy(normal, strange, normal.max()),
            ),
        ),
        Mistake(
            "pairs in order instead of all pairs",
            "The first strange example must be compared with every normal one, not only with the first.",
            lambda normal, strange: (
                (
                    (_cut(strange, normal) > _cut(normal, strange)).double()
                    + 0.5 * (_cut(strange, normal) == _cut(normal, strange)).double()
                )
                .mean()
                .item()
            ),
        ),
        Mistake(
            "only the means compared",
            "One comparison says yes or no. How often does a strange one score higher?",
            lambda normal, strange: float(strange.mean() > normal.mean()),
        ),
        Mistake(
            "pairs at the same places",
            "Every strange example meets every normal one.",
            lambda normal, strange: (strange[: len(normal)] > normal[: len(strange)]).double().mean().item(),
        ),
    ),
    reference=area,
    cases=_score_cases,
    low=0.0,
    high=1.0,
)


def _accuracy(normal: Tensor, strange: Tensor, threshold: Tensor) -> float:
    return torch.cat([normal <= threshold, strange > threshold]).double().mean().item()


def _cut(values: Tensor, other: Tensor) -> Tensor:
    return values[: min(len(values), len(other))]


def held_fixed(codes: Tensor, attributes: Tensor) -> Tensor:
    design = torch.cat([torch.ones(len(codes), 1, dtype=codes.dtype), attributes], dim=1)
    coefficients = torch.linalg.lstsq(design, codes).solution
    return coefficients[1:]


def _regression_cases(seed: int) -> list[tuple]:
    """Attributes that come together, so that other recipes give other vectors."""
    generator = torch.Generator().manual_seed(seed)
    cases = []
    for n, latent, columns in ((60, 3, 2), (80, 2, 3)):
        first = torch.rand(n, 1, generator=generator) < 0.5
        flips = torch.rand(n, columns - 1, generator=generator) < 0.25
        attributes = torch.cat([first, first ^ flips], dim=1).double()
        effect = torch.randn(columns, latent, generator=generator, dtype=torch.float64)
        noise = torch.randn(n, latent, generator=generator, dtype=torch.float64)
        cases.append((2.0 + attributes @ effect + 0.1 * noise, attributes))
    return cases


def _one_by_one(codes: Tensor, attributes: Tensor) -> Tensor:
    has = attributes.bool()
    return torch.stack([codes[row].mean(0) - codes[~row].mean(0) for row in has.T])


def _with_base(codes: Tensor, attributes: Tensor) -> Tensor:
    design = torch.cat([torch.ones_like(attributes[:, :1]), attributes], dim=1)
    return torch.linalg.lstsq(design, codes).solution


def _centered(values: Tensor) -> Tensor:
    return values - values.mean(0)


HELD_FIXED = Exercise(
    id="09.4",
    title="One vector, the others held fixed",
    contract="held_fixed(codes, attributes): codes (n, latent) and attributes (n, A) of 0 and 1, both float. "
    "Returns (A, latent): for each attribute the change of the mean code when it goes from 0 to 1 and all "
    "the others stay, by least squares over all attributes at once.",
    stub='''def held_fixed(codes: torch.Tensor, attributes: torch.Tensor) -> torch.Tensor:
    """codes: (n, latent); attributes: (n, A), 0 or 1. Returns (A, latent)."""
    ...''',
    hints=(
        "The model: code ≈ base + attributes @ vectors. Which numbers are unknown?",
        "torch.linalg.lstsq(design, codes).solution gives one row for each column of the design.",
        "The base needs a column of ones in the design; its row is not part of the answer.",
    ),
    mistakes=(
        Mistake(
            "each attribute by itself",
            "That is the mean difference: attributes that come together carry each other along.",
            _one_by_one,
        ),
        Mistake(
            "no column of ones",
            "Without a base, the vectors must also explain where a code lies with no attribute at all.",
            lambda codes, attributes: torch.linalg.lstsq(attributes, codes).solution,
        ),
        Mistake(
            "the base left in the answer",
            "One row for each attribute: the base is no attribute.",
            lambda codes, attributes: (
                torch.linalg.lstsq(
                    torch.cat([torch.ones_like(attributes[:, :1]), attributes], dim=1), codes
                ).solution
            ),
        ),
        Mistake(
            "attributes predicted from codes",
            "That is a probe: it tells attributes apart. You want what an attribute does to the code.",
            lambda codes, attributes: torch.linalg.lstsq(_centered(codes), _centered(attributes)).solution.T,
        ),
        Mistake(
            "transposed",
            "One row for each attribute.",
            lambda codes, attributes: held_fixed(codes, attributes).T,
        ),
        Mistake(
            "covariances without dividing by the attributes' own",
            "Attributes that come together share their covariance; least squares divides it up.",
            (
                lambda codes, attributes: _centered(attributes).T @ _centered(codes) / len(codes),
                lambda codes, attributes: _centered(attributes).T @ _centered(codes) / (len(codes) - 1),
                lambda codes, attributes: _centered(attributes).T @ _centered(codes),
            ),
        ),
        Mistake(
            "the base kept, the last attribute lost",
            "The column of ones came first: which row of the solution belongs to it?",
            lambda codes, attributes: torch.linalg.lstsq(
                torch.cat([torch.ones(len(codes), 1, dtype=codes.dtype), attributes], 1), codes
            ).solution[:-1],
        ),
        Mistake(
            "codes centered, attributes not",
            "Take the mean from both, or from neither and add a column of ones.",
            lambda codes, attributes: torch.linalg.lstsq(attributes, codes - codes.mean(0)).solution,
        ),
        Mistake(
            "the wrong row left out",
            "Where did you put the column of ones? That row of the solution is the base.",
            (
                lambda codes, attributes: _with_base(codes, attributes)[:-1],
                lambda codes, attributes: _with_base(codes, attributes).roll(-1, 0)[1:],
            ),
        ),
    ),
    reference=held_fixed,
    cases=_regression_cases,
)


# -------- Exercises of chapter 09, in order; this file holds attribute vectors, breeding and collateral
# change.


def attribute_vector(codes: Tensor, has: Tensor, in_training: Tensor) -> Tensor:
    with_it = codes[in_training & has]
    without = codes[in_training & ~has]
    return with_it.mean(0) - without.mean(0)


def _vector_cases(seed: int) -> list[tuple]:
    generator = torch.Generator().manual_seed(seed)
    cases = []
    for n, latent in ((40, 3), (25, 5)):
        has = torch.rand(n, generator=generator) < 0.3
        in_training = torch.rand(n, generator=generator) < 0.6
        has[:2], in_training[:4] = True, torch.tensor([True, False, True, False])
        codes = torch.randn(n, latent, generator=generator) + 2.0 * has[:, None] - 1.5 * in_training[:, None]
        cases.append((codes, has, in_training))
    return cases


VECTOR = Exercise(
    id="09.3",
    title="An attribute vector, from the right pictures",
    contract="attribute_vector(codes, has, in_training): codes is a float tensor (n, latent); has and "
    "in_training are bool tensors (n,): which pictures show the attribute, and which belong to the training "
    "part. Returns the vector (latent,) that adds the attribute: mean difference, of the pictures that may "
    "be used for it.",
    stub='''def attribute_vector(
    codes: torch.Tensor, has: torch.Tensor, in_training: torch.Tensor
) -> torch.Tensor:
    """codes: (n, latent); has, in_training: bool (n,). Returns (latent,)."""
    ...''',
    hints=(
        "Two groups, two means. Which pictures are in neither group?",
        "A vector that has seen the pictures on which you judge it looks better than it is.",
        "Boolean tensors select rows, and & joins two conditions.",
    ),
    mistakes=(
        Mistake(
            "vector from test data",
            "Pictures outside the training part are for judging the vector; they must not help to make it.",
            (
                lambda codes, has, train: codes[has].mean(0) - codes[~has].mean(0),
                lambda codes, has, train: codes[~train & has].mean(0) - codes[~train & ~has].mean(0),
            ),
        ),
        Mistake(
            "test data in one of the two groups",
            "One of your two means still holds pictures from outside the training part.",
            (
                lambda codes, has, train: codes[train & has].mean(0) - codes[~has].mean(0),
                lambda codes, has, train: codes[has].mean(0) - codes[train & ~has].mean(0),
            ),
        ),
        Mistake(
            "sign swapped",
            "Added to a code, this takes the attribute away.",
            lambda codes, has, train: codes[train & ~has].mean(0) - codes[train & has].mean(0),
        ),
        Mistake(
            "compared with everybody",
            "The mean of all pictures holds those with the attribute too, so the step comes out too short.",
            lambda codes, has, train: codes[train & has].mean(0) - codes[train].mean(0),
        ),
        Mistake(
            "mean of the group alone",
            "That is where pictures with the attribute lie, not the way from without to with.",
            lambda codes, has, train: codes[train & has].mean(0),
        ),
        Mistake(
            "scaled to length 1",
            "The length of the difference is the size of one natural step; dividing by it loses that.",
            lambda codes, has, train: torch.nn.functional.normalize(
                codes[train & has].mean(0) - codes[train & ~has].mean(0), dim=0
            ),
        ),
        Mistake(
            "sums instead of means",
            "The two groups differ in size.",
            lambda codes, has, train: codes[train & has].sum(0) - codes[train & ~has].sum(0),
        ),
    ),
    reference=attribute_vector,
    cases=_vector_cases,
)


def child(parent: Tensor, noise: Tensor, spread: float) -> Tensor:
    return (1 - spread**2) ** 0.5 * parent + spread * noise


def _grade_child(answer: Callable) -> Verdict | None:
    """Any law that keeps the prior, copies at 0 and forgets at 1 is right."""
    parent, noise = torch.randn(2, 20_000, 4, generator=torch.Generator().manual_seed(0))
    children = {spread: answer(parent, noise, spread) for spread in (0.0, 0.3, 0.8, 1.0)}
    for spread, got in children.items():
        problem = contract_problem(got, parent, label=f"the child at spread {spread}")
        if problem:
            return Verdict(CONTRACT, problem[0].upper() + problem[1:])
        children[spread] = to_tensor(got).float()
    laws = {spread: noise_problem(got[None]) for spread, got in children.items()}
    copied = torch.allclose(children[0.0], parent, atol=1e-4)
    forgot = torch.allclose(children[1.0].abs(), noise.abs(), atol=1e-4)  # −noise follows the same law
    if copied and forgot and not any(laws.values()):
        return None
    for mistake in CHILD.mistakes:
        for broken in mistake.variants:
            wrong = {spread: broken(parent, noise, spread) for spread in children}
            if all(torch.allclose(got, wrong[spread], atol=1e-4) for spread, got in children.items()):
                return CHILD.named(mistake.name)
    if not copied:
        return Verdict(WRONG, "Not yet: at spread 0 the child is no copy of its parent.")
    if not forgot:
        return Verdict(WRONG, "Not yet: at spread 1 the child is not the noise alone.")
    off = next(spread for spread, problem in laws.items() if problem)
    found = f"standard deviation {children[off].std():.3f}, mean {children[off].mean():.3f}"
    return Verdict(WRONG, f"Not yet: at spread {off} the children do not follow the prior ({found}).")


CHILD = Exercise(
    id="09.2",
    title="Breeding that does not drift",
    contract="child(parent, noise, spread): parent and noise are float tensors (n, latent), both distributed "
    "as the prior N(0, I) and independent; spread is in [0, 1]. Returns (n, latent): distributed as the "
    "prior again, a copy of the parent at spread 0, nothing but noise at spread 1.",
    stub='''def child(parent: torch.Tensor, noise: torch.Tensor, spread: float) -> torch.Tensor:
    """parent, noise: (n, latent); spread in [0, 1]. Returns (n, latent)."""
    ...''',
    hints=(
        "Write the child as a·parent + b·noise. What is its variance?",
        "Variances of independent numbers add up: a² + b² must be 1.",
        "Take b = spread. What is a?",
    ),
    mistakes=(
        Mistake(
            "drifting away",
            "The variance grows to 1 + s² in one round, and more in each: where will the codes be after ten?",
            lambda parent, noise, spread: parent + spread * noise,
        ),
        Mistake(
            "drawn to the center",
            "(1 − s)² + s² is below 1: these children are more average than the prior.",
            lambda parent, noise, spread: (1 - spread) * parent + spread * noise,
        ),
        Mistake(
            "square root forgotten",
            "The weights' *squares* must add up to 1.",
            (
                lambda parent, noise, spread: (1 - spread**2) * parent + spread * noise,
                lambda parent, noise, spread: (1 - spread) ** 0.5 * parent + spread * noise,
            ),
        ),
        Mistake(
            "spread the wrong way round",
            "Spread 0 must be a copy, spread 1 nothing but noise.",
            (
                lambda parent, noise, spread: spread * parent + (1 - spread**2) ** 0.5 * noise,
                lambda parent, noise, spread: spread**0.5 * parent + (1 - spread) ** 0.5 * noise,
                lambda parent, noise, spread: spread * parent + (1 - spread) * noise,
            ),
        ),
        Mistake(
            "scaled to the right variance, but no longer noise at the end",
            "The variance is right at every spread. What is left of the parent at spread 1?",
            lambda parent, noise, spread: (parent + spread * noise) / (1 + spread**2) ** 0.5,
        ),
    ),
    reference=child,
    grade=_grade_child,
)


def collateral(before: Tensor, after: Tensor, target: int) -> Tensor:
    change = (after - before).abs()
    others = [column for column in range(change.shape[1]) if column != target]
    return change[:, others].mean()


def _collateral_cases(seed: int) -> list[tuple]:
    generator = torch.Generator().manual_seed(seed)
    return [
        (torch.rand(n, columns, generator=generator), torch.rand(n, columns, generator=generator), target)
        for n, columns, target in ((7, 4, 2), (5, 6, 0), (3, 2, 1))
    ]


COLLATERAL = Exercise(
    id="09.6",
    title="Collateral change",
    contract="collateral(before, after, target): readings (n, A) in [0, 1] of the reconstructed pictures and "
    "of the edited ones, and the column that was meant to change. Returns how much everything else changed: "
    "the mean absolute change, over pictures and the other columns, a scalar in [0, 1].",
    stub='''def collateral(before: torch.Tensor, after: torch.Tensor, target: int) -> torch.Tensor:
    """before, after: (n, A) in [0, 1]; target: a column. Returns a scalar."""
    ...''',
    hints=(
        "Half of the faces got darker hair, half lighter. Is that no change?",
        "Which column does not count?",
        "Absolute values first, then the mean.",
    ),
    mistakes=(
        Mistake(
            "changes that cancel",
            "A change up in one picture does not undo a change down in another: take absolute values first.",
            (
                lambda before, after, target: _others(after - before, target).mean().abs(),
                lambda before, after, target: _others(after - before, target).mean(0).abs().mean(),
                lambda before, after, target: _others(after - before, target).mean(),
            ),
        ),
        Mistake(
            "the target counted as well",
            "The column that was meant to change is the success, not the collateral.",
            lambda before, after, target: (after - before).abs().mean(),
        ),
        Mistake(
            "only the target counted",
            "That is the success. What about all the others?",
            lambda before, after, target: (after - before)[:, target].abs().mean(),
        ),
        Mistake(
            "target set to 0 and still counted",
            "The mean is over the other columns; a 0 in place of the target makes it smaller.",
            lambda before, after, target: _others((after - before).abs(), target).sum() / before.numel(),
        ),
        Mistake(
            "squares instead of absolute values",
            "Squares have another unit, and let small changes vanish.",
            (
                lambda before, after, target: _others(after - before, target).square().mean(),
                lambda before, after, target: _others(after - before, target).square().mean().sqrt(),
            ),
        ),
        Mistake(
            "sum over the columns",
            "The mean is over pictures and columns.",
            lambda before, after, target: _others((after - before).abs(), target).sum(1).mean(),
        ),
        Mistake(
            "a picture left out, not a column",
            "The target is a column: which axis holds the readings?",
            lambda before, after, target: _others((after - before).T.abs(), target).mean(),
        ),
        Mistake(
            "another column left out",
            "The target may be any column.",
            (
                lambda before, after, target: (after - before).abs()[:, :-1].mean(),
                lambda before, after, target: (after - before).abs()[:, 1:].mean(),
            ),
        ),
    ),
    reference=collateral,
    cases=_collateral_cases,
    low=0.0,
    high=1.0,
)


def _others(values: Tensor, target: int) -> Tensor:
    return torch.cat([values[:, :target], values[:, target + 1 :]], dim=1)


# -------- Exercise of chapter 09: an alphabet from one letter.


def write_alphabet(model: LetterVAE, letter: Tensor, label: int) -> Tensor:
    style = model.encode((letter[None], torch.tensor([label]))).mean
    return torch.sigmoid(model.decode(style.expand(26, -1), torch.arange(26)))


def _letter_cases(seed: int) -> list[tuple]:
    """Small models of letters with weights large enough that pictures differ."""
    cases = []
    for label in (0, 17):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed + label)
            model = LetterVAE(latent_dim=4, width=2)
            for parameter in model.parameters():
                parameter.data.mul_(2)
            cases.append((model.eval(), torch.rand(1, 32, 32), label))
    return cases


def _written(z: Callable, letters: Callable, picture: Callable[[Tensor], Tensor] = torch.sigmoid) -> Callable:
    def function(model: LetterVAE, letter: Tensor, label: int) -> Tensor:
        return picture(model.decode(z(model, letter, label), letters(label)))

    return function


def _style(model: LetterVAE, letter: Tensor, label: int) -> Tensor:
    return model.encode((letter[None], torch.tensor([label]))).mean.expand(26, -1)


def _all_letters(label: int) -> Tensor:
    return torch.arange(26)


ALPHABET = Exercise(
    id="09.1",
    title="An alphabet from one letter",
    contract="write_alphabet(model, letter, label): model.encode((pictures, letters)) gives a posterior with "
    ".mean (n, latent), model.decode(z, letters) logits (n, 1, 32, 32); letters are int64 (n,). letter is a "
    "picture (1, 32, 32), label an int from 0 to 25: which letter it is. Returns the letters A to Z in its "
    "style, at the posterior's mean, as pixel probabilities (26, 1, 32, 32).",
    stub='''def write_alphabet(model, letter: torch.Tensor, label: int) -> torch.Tensor:
    """letter: (1, 32, 32), label: 0 to 25. Returns the 26 letters in its style, (26, 1, 32, 32)."""
    ...''',
    hints=(
        "The encoder sees one picture and is told which letter it is: a batch of one.",
        "One style serves all: z.expand(26, -1) repeats it, and the decoder is told 26 different letters.",
        "The decoder gives logits: sigmoid makes them probabilities.",
    ),
    mistakes=(
        Mistake(
            "logits taken for probabilities",
            "The decoder gives logits; a picture needs probabilities.",
            _written(_style, _all_letters, lambda logits: logits),
        ),
        Mistake(
            "the given letter 26 times",
            "The decoder must be told another letter each time: 0 to 25.",
            _written(_style, lambda label: torch.full((26,), label)),
        ),
        Mistake(
            "one picture, encoded as 26 letters",
            "The encoder is told which letter it *sees*. It sees one letter, not 26.",
            _written(
                lambda model, letter, label: (
                    model.encode((letter.expand(26, 1, 32, 32), torch.arange(26))).mean
                ),
                _all_letters,
            ),
        ),
        Mistake(
            "taken for an A whatever it is",
            "The encoder must be told `label`, the letter that it sees.",
            _written(
                lambda model, letter, label: model.encode((letter[None], torch.tensor([0]))).mean.expand(
                    26, -1
                ),
                _all_letters,
            ),
        ),
        Mistake(
            "the prior's mean",
            "z = 0 is nobody's style: the given letter was not looked at.",
            _written(lambda model, letter, label: torch.zeros(26, model.latent_dim), _all_letters),
        ),
        Mistake(
            "the log variance taken for the style",
            "The style is where the posterior lies, its mean, not how wide it is.",
            _written(
                lambda model, letter, label: model.encode(
                    (letter[None], torch.tensor([label]))
                ).log_var.expand(26, -1),
                _all_letters,
            ),
        ),
        Mistake(
            "sigmoid twice",
            "One sigmoid turns logits into probabilities; a second one makes all of them gray.",
            lambda model, letter, label: torch.sigmoid(write_alphabet(model, letter, label)),
        ),
        Mistake(
            "pixels rounded",
            "Half-inked pixels are probabilities, too: leave them as they are.",
            lambda model, letter, label: write_alphabet(model, letter, label).round(),
        ),
    ),
    reference=write_alphabet,
    cases=_letter_cases,
    low=0.0,
    high=1.0,
)


EXERCISES = (VECTOR, CHILD, COLLATERAL, AUROC, HELD_FIXED, ALPHABET)
