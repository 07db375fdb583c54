"""Data in memory: `load` for images, `vae_course.data.toys` for problems with a known truth."""

from vae_course._lazy import lazily

__getattr__, __dir__, __all__ = lazily(
    __name__,
    {
        "faces": "draw_faces FACTORS",
        "images": "DataError ImageData",
        "own_images": "as_image_data load_pictures",
        "loading": "DATASETS load SPLITS",
        "tables": "FeatureData PointData",
        "text": "END PAD padding_mask START TextData Tokenizer UNKNOWN",
        "toys": "clock_hands CurveModel GaussianMixture LinearGaussian ring_mixture",
    },
)
