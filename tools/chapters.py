"""The eleven chapters: the one place for their order, file names and titles."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Chapter:
    """One chapter: ``name`` is the stem of its files, ``topic`` the line that the README's table shows."""

    name: str
    title: str
    topic: str

    @property
    def number(self) -> str:
        return self.name[:2]


CHAPTERS = (
    Chapter(
        "01_Introduction_to_VAE_Fundamentals",
        "Introduction to VAE fundamentals",
        "what a generative model is; the ELBO, with the gap you can see",
    ),
    Chapter(
        "02_Encoder_and_Decoder_in_VAEs",
        "Encoder and decoder",
        "a VAE on handwritten digits, built from nothing",
    ),
    Chapter(
        "03_Latent_Space_and_Smooth_Interpolation_in_VAEs",
        "Latent space and smooth interpolation",
        "maps of the code, straight and curved paths, morphing",
    ),
    Chapter(
        "04_KL_Divergence_and_Gaussian_Latent_Space",
        "KL divergence and the Gaussian latent space",
        "what a code costs; collapse made and cured; holes; does β disentangle?",
    ),
    Chapter(
        "05_Reconstruction_Loss_and_Image_Quality",
        "Reconstruction loss and image quality",
        "the loss is a likelihood; what its scale does; what pixels do not see",
    ),
    Chapter(
        "06_Handling_Mode_Collapse_in_VAEs",
        "Handling mode collapse",
        "VAE and GAN on data whose modes can be counted",
    ),
    Chapter(
        "07_Limitations_of_VAEs_in_Realism",
        "Limitations in realism",
        "why samples are blurry, and how to measure it honestly",
    ),
    Chapter(
        "08_Optimizing_Latent_Space_Size",
        "Optimizing latent space size",
        "what more dimensions buy, and where that stops",
    ),
    Chapter(
        "09_Creative_Applications_of_VAEs",
        "Creative applications",
        "an alphabet from one letter, a poster of your own, and what else comes with a smile",
    ),
    Chapter(
        "10_VAEs_Performance_on_Different_Datasets",
        "Performance on different datasets",
        "image, text, audio and tables through the same ELBO",
    ),
    Chapter(
        "11_Extending_VAEs_to_Improve_Realism",
        "Extending VAEs to improve realism",
        "VAE-GAN, discrete codes and hierarchies, before the same judge",
    ),
)
