"""What the site says around its explorers: a question, a caption, and where each of them stands.

The explorers themselves are modules of docs/site/static/play, which start.js brings to life.
"""

from dataclasses import dataclass
from html import escape

UNSERVED = (
    "This explorer needs JavaScript, and a page that comes from a server: "
    "<code>python -m http.server -d build/site</code>."
)


@dataclass(frozen=True)
class Explorer:
    """``name``: its module, docs/site/static/play/NAME.js. ``embedded``: numbers of the chapters whose section
    Play shows it; ``linked``: those that lead to it on the page of all explorers.
    """

    name: str
    title: str
    question: str
    caption: str
    embedded: tuple[str, ...] = ()
    linked: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """Its anchor on the page of all explorers."""
        return self.name.replace("_", "-")

    def html(self, meanwhile: str = f"<p>{UNSERVED}</p>") -> str:
        """The explorer for a page; ``meanwhile`` stands there until it is alive."""
        body = f'<div class="explorer-body" data-explorer="{self.name}">{meanwhile}</div>'
        return (
            f'<section class="explorer" aria-label="{escape(self.title)}">'
            f'<p class="explorer-try">{self.question}</p>{body}'
            f'<p class="explorer-caption">{self.caption}</p></section>'
        )


EXPLORERS = (
    Explorer(
        "pad",
        "Walk through a code of two numbers",
        "Find where a 4 turns into a 9. What does the decoder draw outside the ring, where the prior hardly ever goes?",
        "The course's network for all settings, at β = 1 and two latent dimensions. Map: the decoder's means; "
        "numbers: where the encoder puts test pictures; ring: 95 % of the prior. A decoded mean is smoother than "
        "any picture the model would sample.",
        embedded=("03",),
    ),
    Explorer(
        "beta_k",
        "What do β and the size of the code buy?",
        "Raise β: which bars go out first, and at which β do two of the pictures become one?",
        "One fully connected network, trained once for all β and sizes. Curves: means of 300 test pictures; bars and "
        "the first rows: the eight shown. How far it is from a network trained for one setting, chapter 08 measures.",
        embedded=("04", "08"),
        linked=("10",),
    ),
    Explorer(
        "toy_posterior",
        "The gap of the bound is a KL divergence",
        "At the crossing, find the q with the smallest gap, then the other one. At the stray point: what costs more, "
        "a q too wide or one too narrow?",
        "Nothing is trained: a curve with noise, whose integrals are sums over z. ELBO and KL share no sum; that they "
        "add up to log p(x) is a result.",
        embedded=("01",),
    ),
    Explorer(
        "loss_translator",
        "Which β is that loss?",
        "Find the KL weight that makes β = 1 for a mean squared error on 64 × 64 color pictures.",
        "Arithmetic, no model. Dots: six losses as they stand in public code (sources in chapter 05). β is meant for a "
        "likelihood of unit scale; the same loss is also an ELBO with another scale.",
        embedded=("05",),
    ),
    Explorer(
        "typeface",
        "Design a typeface",
        "Type your name and make it bold. Then push a slider to its end: which letters stop being letters first?",
        "A VAE of capitals that saw 361 typefaces: one style, 26 labels. Sliders: principal directions of the training "
        "styles, in standard deviations; nobody named them, the words are measured at ±2. Scripts and textures fail.",
        embedded=("09",),
    ),
    Explorer(
        "faces",
        "What else comes with the glasses?",
        "Add glasses: what changes that you did not ask for? Is it the same on drawn faces, where every factor is independent?",
        "Photographs: a VAE of CelebA and the same network after training against a critic; an attribute is a difference of "
        "mean codes, with all that comes along. Drawn: least squares over all nine factors. Nobody's face: only decoded codes. "
        "CelebA: research and teaching only.",
        linked=("09",),
    ),
    Explorer(
        "prior_walk",
        "From the prior to where faces are",
        "Walk one draw of noise from N(0, I) to a Gaussian fitted to the codes. Where does a face first appear, and which decoder is sharper?",
        "The same noise, through a VAE of CelebA and through the same network after its game with a critic (VAE-GAN). "
        "A few draws show no distribution: chapters 07 and 11 measure. Decoded codes only; research and teaching only.",
        embedded=("11",),
        linked=("07",),
    ),
)


def page() -> str:
    """The page of all explorers."""
    parts = [
        "# Play",
        "Models that run in this page: no kernel, nothing to install, nothing sent anywhere. "
        "Each asks one question; the chapters say what the answers mean.",
    ]
    for explorer in EXPLORERS:
        parts += [f"({explorer.place})=\n## {explorer.title}", explorer.html()]
    return "\n\n".join(parts) + "\n"


def embedded(number: str) -> str:
    """What the section Play of a chapter shows in place of a live widget: explorers, and links to others."""
    shown = [explorer.html() for explorer in EXPLORERS if number in explorer.embedded]
    links = [
        f'<a href="../play/index.html#{explorer.place}">{escape(explorer.title)}</a>'
        for explorer in EXPLORERS
        if number in explorer.linked
    ]
    if links:
        shown.append(
            f'<p class="explorer-link">{"Also" if shown else "To try"} in this site: {", ".join(links)}.</p>'
        )
    return "".join(shown)
