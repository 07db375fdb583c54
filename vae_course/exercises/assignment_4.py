"""Questions of assignment A4, build something beyond: letters, opponent, judge and measure; no answer."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import fmean, stdev
from string import ascii_uppercase

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vae_course.data.images import ImageData
from vae_course.data.letters import warp
from vae_course.data.loading import load
from vae_course.evaluation.samples import coverage, memorization, sharpness
from vae_course.exercises.handed_in import Bad, draws_of, file_of, later, numbers, stack_in, tensor_in
from vae_course.models.networks import Classifier
from vae_course.models.vae import VAE
from vae_course.teaching.exercise import CONTRACT, Verdict
from vae_course.teaching.grading import contract_problem
from vae_course.training.loop import fit

LETTERS, SIDE, MOST_NUMBERS, BATCHES, SURE = 8, 16, 500_000, 8, 0.9
JUDGE_PASSES, JUDGE_BATCH = 12, 128
CRITICS, CRITIC_PASSES, TWIN = 2, 6, 0.01
HARDER = (1 / 8, 8.0)  # smallest and largest factor of all logits that makes samples as hard as letters
LARGEST_SHIFT = 2.0  # of a flow's log scales in one step
PATHS = ("flow", "vq", "gan")
Draw = Callable[[int, torch.Generator], Tensor]  # how many, noise → pictures (n, 1, 16, 16) in [0, 1]


@dataclass(frozen=True)
class Task:
    """What one student works on: gray pictures (1, 16, 16), labels 0 to 7."""

    letters: str
    train: ImageData
    held_out: ImageData


def task(student: int) -> Task:
    """The student's eight letters, bent with draws of their own."""
    chosen = torch.randperm(26, generator=draws_of("A4", student, "letters"))[:LETTERS].sort().values
    letters = "".join(ascii_uppercase[i] for i in chosen)
    parts = [pictures(letters, split, draws_of("A4", student, split)) for split in ("train", "validation")]
    return Task(letters, *parts)


def pictures(letters: str, split: str, generator: torch.Generator) -> ImageData:
    """These letters of all typefaces of a split, bent a little."""
    data, chosen = load("letters", split), torch.tensor([ascii_uppercase.index(one) for one in letters])
    rows = torch.isin(data.labels, chosen)
    small = (255 * F.avg_pool2d(warp(data.floats()[rows], generator), 2)).round().to(torch.uint8)
    labels = torch.searchsorted(chosen, data.labels[rows])
    return ImageData("letters of A4", split, small, labels, tuple(letters))


def plain_vae(task: Task) -> VAE:
    """The opponent: a VAE with 16 latent dimensions, trained as this assignment trains it (10 s)."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = VAE.for_data(task.train, latent_dim=16, hidden_dims=(256, 128))
    fit(
        model, task.train, epochs=30, batch_size=64, learning_rate=3e-3, schedule="linear", warmup=0.0,
        kl_warmup=0.2, eval_examples=1, seed=0, progress=False, device="cpu",
    )  # fmt: skip
    return model


def decoder_of(model: VAE) -> dict[str, Tensor]:
    """The decoder of :func:`plain_vae`: the state dict of an `nn.Sequential` of linear layers, with GELU."""
    state = {name: weight.clone() for name, weight in model.decoder.layers.state_dict().items()}
    state[list(state)[-1]] += model.output_offset.flatten()
    return state


def new_judge(task: Task, seed: int = 0) -> Classifier:
    """A classifier of the eight letters, trained on the training typefaces bent anew (5 s)."""
    generator = torch.Generator().manual_seed(seed)
    parts = [pictures(task.letters, "train", generator) for _ in range(2)]
    x, labels = (torch.cat(both) for both in ([p.floats() for p in parts], [p.labels for p in parts]))
    return trained(x, labels, LETTERS, JUDGE_PASSES, generator, seed)


def trained(x: Tensor, y: Tensor, n: int, passes: int, generator: torch.Generator, seed: int) -> Classifier:
    """A classifier of n kinds of pictures."""
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(seed)
        judge = Classifier(x.shape[1:], n)
        steps = passes * -(-len(x) // JUDGE_BATCH)
        optimizer = torch.optim.Adam(judge.parameters(), lr=2e-3)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / steps)
        for _ in range(passes):
            for rows in torch.randperm(len(x), generator=generator).split(JUDGE_BATCH):
                loss = F.cross_entropy(judge(x[rows]), y[rows])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
    return judge.eval()


@dataclass(frozen=True)
class Measured:
    """What a judge says of samples made as hard as letters: means over batches, and the standard error."""

    sure: float  # share of samples of which the judge is sure
    covered: float  # share of real pictures with a sample in reach (`coverage`)
    score: float  # harmonic mean of both, from 0 to 1
    error: float

    def __str__(self) -> str:
        return f"sure {self.sure:.2f}, covered {self.covered:.2f}, score {self.score:.3f} ± {self.error:.3f}"


def batches_of(draw: Draw, n: int, seed: int = 0) -> list[Tensor]:
    """``BATCHES`` times n samples, with noise that the seed decides."""
    generator = torch.Generator().manual_seed(seed)
    return [checked(draw, n, generator) for _ in range(BATCHES)]


def checked(draw: Draw, n: int, generator: torch.Generator) -> Tensor:
    """n samples; Bad where a picture is no picture."""
    x, shape = draw(n, generator), (n, 1, SIDE, SIDE)
    if x.shape != shape or not (x.min() >= 0 and x.max() <= 1):
        raise Bad(f"samples must be {shape} in [0, 1].")
    return x


def as_hard(batches: list[Tensor], real: ImageData) -> list[Tensor]:
    """All logits times one number, with which the samples have the edges of real pictures (`sharpness`)."""
    logits, wanted = torch.cat(batches).clamp(1e-6, 1 - 1e-6).logit(), sharpness(real.floats()).mean()
    low, high = HARDER
    for _ in range(12):
        middle = math.sqrt(low * high)
        softer = sharpness((middle * logits).sigmoid()).mean() < wanted
        low, high = (middle, high) if softer else (low, middle)
    return list((math.sqrt(low * high) * logits).sigmoid().split([len(x) for x in batches]))


def mistakes(draw: Draw, task: Task, real: ImageData, seed: int = 0) -> float:
    """Share of mistakes, 0 to 1/2, of critics that learned to tell samples made as hard as letters from
    training letters bent anew: on new samples and real pictures, each half of the verdict (10 s).
    """
    shares = []
    for one in range(CRITICS):
        generator = torch.Generator().manual_seed(seed + one)
        letters = pictures(task.letters, "train", generator)
        known, new = as_hard([checked(draw, n, generator) for n in (len(letters), 4 * len(real))], letters)
        kind = torch.arange(2).repeat_interleave(len(letters))
        critic = trained(torch.cat([letters.floats(), known]), kind, 2, CRITIC_PASSES, generator, one)
        wrong = [(critic.probabilities(x)[:, i] < 0.5) for i, x in enumerate((real.floats(), new))]
        shares.append(fmean(w.float().mean().item() for w in wrong))
    return fmean(shares)


def measure(batches: list[Tensor], judge: Classifier, real: ImageData) -> Measured:
    """Samples made as hard as letters, each batch by itself: how many of them are clear, how much of the real
    pictures is covered.
    """
    features, rows = judge.features(real.floats()), []
    for x in as_hard(batches, real):
        sure = (judge.probabilities(x).amax(1) >= SURE).float().mean().item()
        covered = coverage(features, judge.features(x))
        rows.append((sure, covered, 2 * sure * covered / max(sure + covered, 1e-9)))
    sure, covered, scores = zip(*rows, strict=True)
    error = stdev(scores) / math.sqrt(len(scores)) if len(scores) > 1 else math.inf
    return Measured(fmean(sure), fmean(covered), fmean(scores), error)


def copies(batches: list[Tensor], task: Task) -> float:
    """The largest of three shares of samples: those that single out one training picture more than 99 % of
    held-out pictures do; one held-out picture more than 99 % of training pictures do (place, light and
    contrast aside); and those that are drawn again (`repeats`).
    """
    drawn, known, held = map(bare, (torch.cat(batches), task.train.floats(), task.held_out.floats()))
    shares = [memorization(drawn, *both).copies for both in ((known, held), (held, known))]
    return max(*shares, repeats(torch.cat(batches)))


def repeats(x: Tensor) -> float:
    """Share of samples with a twin among the others, in no pixel more than a hundredth away."""
    flat, found = x.flatten(1), 0
    for part in range(0, len(flat), 100):
        far = torch.cdist(flat[part : part + 100], flat, p=math.inf)
        found += int(((far <= TWIN).sum(1) > 1).sum())
    return found / len(flat)


def bare(x: Tensor) -> Tensor:
    """Pictures (n, 1, 16, 16) without what hides a copy, (n, 256): what is bright moved to the middle, fine
    noise averaged away, mean 0 and norm 1.
    """
    x = x - x.amin((1, 2, 3), keepdim=True)
    bright = (x - 0.5 * x.amax((1, 2, 3), keepdim=True)).clamp_min(1e-6)
    line = (torch.arange(SIDE) + 0.5) * 2 / SIDE - 1
    across, down = ((bright.sum(axes) * line).sum(1) / bright.sum((1, 2, 3)) for axes in ((1, 2), (1, 3)))
    moves = torch.eye(2, 3).repeat(len(x), 1, 1)
    moves[:, :, 2] = torch.stack([across, down], dim=1)
    grid = F.affine_grid(moves, list(x.shape), align_corners=False)
    flat = F.avg_pool2d(F.grid_sample(x, grid, align_corners=False), 3, 1, 1).flatten(1)
    return F.normalize(flat - flat.mean(1, keepdim=True), dim=1)


@dataclass(frozen=True)
class Sampler:
    """What is in a file: how numbers become a code, and the decoder that makes a picture of it."""

    path: str
    decoder: nn.Sequential
    mean: Tensor | None = None  # (k,)
    factor: Tensor | None = None  # (k, k), of "gan"; (k,), of "flow"
    couplings: tuple[nn.Sequential, ...] = ()
    codebook: Tensor | None = None  # (K, d)
    prior: nn.Sequential | None = None

    @torch.no_grad()
    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        """n pictures (n, 1, 16, 16)."""
        code = getattr(self, f"_{self.path}")(n, generator)
        return self.decoder(code).sigmoid().view(n, 1, SIDE, SIDE)

    def _gan(self, n: int, generator: torch.Generator) -> Tensor:
        return self.mean + torch.randn(n, len(self.mean), generator=generator) @ self.factor.T

    def _flow(self, n: int, generator: torch.Generator) -> Tensor:
        z = torch.randn(n, len(self.mean), generator=generator)
        for network in self.couplings:
            a, b = z.chunk(2, dim=1)
            log_scale, shift = network(a).chunk(2, dim=1)
            z = torch.cat([b * (LARGEST_SHIFT * log_scale.tanh()).exp() + shift, a], dim=1)
        return self.mean + self.factor * z

    def _vq(self, n: int, generator: torch.Generator) -> Tensor:
        size, d = self.codebook.shape
        places = self.decoder[0].in_features // d
        hot = torch.zeros(n, places, size)
        for place in range(places):
            where = F.one_hot(torch.full((n,), place), places).float()
            logits = self.prior(torch.cat([hot.flatten(1), where], dim=1))
            hot[
                torch.arange(n), place, torch.multinomial(logits.softmax(1), 1, generator=generator)[:, 0]
            ] = 1
        return (hot @ self.codebook).flatten(1)


def read_sampler(content: Mapping) -> Sampler:
    """The sampler in a file's content; Bad when it is none."""
    path = content.get("path")
    if path not in PATHS:
        raise Bad(f"'path' must be one of {', '.join(PATHS)}.")
    if path == "vq":
        codebook = tensor_in(content, "codebook", 2)
        size, d = codebook.shape
        decoder = stack_in(content, "decoder", None, SIDE**2)
        places = decoder[0].in_features // d if d else 0
        if not places or places * d != decoder[0].in_features or not 2 <= size <= 1024:
            raise Bad("the decoder must read a whole number of vectors of the codebook (2 to 1024 of them).")
        prior = stack_in(content, "prior", places * size + places, size)
        sampler = Sampler(path, decoder, codebook=codebook, prior=prior)
    else:
        mean = tensor_in(content, "mean", 1)
        k = len(mean)
        factor = tensor_in(content, "factor" if path == "gan" else "scale", 2 if path == "gan" else 1)
        if not 1 <= k <= 64 or factor.shape != (k,) * factor.dim() or (path == "flow" and k % 2):
            raise Bad("'mean' is (k,), k at most 64 (even for a flow); 'factor' (k, k), or 'scale' (k,).")
        steps = content.get("couplings") if path == "flow" else []
        if not isinstance(steps, list | tuple) or (path == "flow" and not 1 <= len(steps) <= 16):
            raise Bad("'couplings' must be a list of 1 to 16 state dicts.")
        names = {f"coupling {i}": one for i, one in enumerate(steps)}
        parts = {**names, "activation": content.get("activation", "relu")}
        couplings = tuple(stack_in(parts, name, k // 2, k) for name in names)
        decoder = content | {"activation": content.get("decoder activation", parts["activation"])}
        sampler = Sampler(path, stack_in(decoder, "decoder", k, SIDE**2), mean, factor, couplings)
    networks = [sampler.decoder, *sampler.couplings, *filter(None, [sampler.prior])]
    total = sum(weight.numel() for one in networks for weight in one.parameters())
    total += sampler.codebook.numel() if path == "vq" else 0
    if total > MOST_NUMBERS:
        raise Bad(f"the sampler has {total:,} numbers; at most {MOST_NUMBERS:,} are taken.")
    return sampler


NUMBERS = numbers("plain", "yours", "copies")


def read_report(content: Mapping) -> dict[str, float]:
    """The three numbers in a file's content; Bad when one is missing."""
    wrong = NUMBERS(content)
    if wrong:
        raise Bad(wrong.message)
    return {name: float(content[name]) for name in ("plain", "yours", "copies")}


def _check_gaussian(answer: Callable) -> Verdict | None:
    mean, log_var = torch.randn(7, 3, generator=torch.Generator().manual_seed(1)), torch.full((7, 3), -1.0)
    problem = contract_problem(answer(mean, log_var), (torch.zeros(3), torch.zeros(3, 3)))
    return Verdict(CONTRACT, problem[0].upper() + problem[1:]) if problem else None


EXERCISES = (
    later(
        "A4.1",
        "The Gaussian that fits all codes",
        "matched_gaussian(mean, log_var): (n, k) each, of q(z|x) for n pictures. Draw a picture, then a code "
        "from its q(z|x): returns mean (k,) and covariance (k, k) of that code, of all n pictures (divide by "
        "n).",
        '''def matched_gaussian(mean: torch.Tensor, log_var: torch.Tensor) -> tuple:
    """mean, log_var (n, k) of q(z|x). Mean (k,) and covariance (k, k) of a code drawn as above."""
    ...''',
        _check_gaussian,
        "A code is the mean of its own picture plus noise: two causes of spread.",
        "Var z = E[Var(z|x)] + Var(E[z|x]), and noise of different dimensions is independent.",
    ),
    later(
        "A4.2",
        "Beyond",
        "The name of a file: a dict with 'path' ('flow', 'vq' or 'gan') and the parts that the notebook "
        "lists for it.",
        'answer_A4_2 = "A4_sampler.pt"',
        file_of(read_sampler),
    ),
    later(
        "A4.3",
        "What did you build?",
        "The name of a file with a dict of three numbers: 'plain' and 'yours', the scores of the opponent "
        "with your Gaussian and of your sampler, by new_judge(mine), against your held-out pictures; "
        "'copies', of your sampler.",
        'answer_A4_3 = "A4_report.pt"',
        file_of(read_report),
    ),
)
