"""Data in memory: `load` for images, `vae_course.data.toys` for problems with a known truth."""

from vae_course._lazy import lazily

__getattr__, __dir__, __all__ = lazily(
    __name__,
    {
        "faces": "draw_faces FACTORS",
        "images": "DataError ImageData stack_digits with_classes",
        "loading": "DATASETS load SPLITS",
        "photographs": "UNKNOWN",
        "tables": "FeatureData PointData",
        "text": "END load_text PAD padding_mask START TEXT_DATASETS TextData Tokenizer UNKNOWN",
        "toys": "clock_hands CurveModel GaussianMixture grid_mixture grid_of_gaussians LinearGaussian "
        "ring_mixture ring_of_gaussians",
    },
)
