"""Measures of a trained model: bounds of log p(x), use of the code, quality of samples."""

from vae_course._lazy import lazily

__getattr__, __dir__, __all__ = lazily(
    __name__,
    {
        "anomaly": "auroc auroc_difference auroc_interval isolation_forest_scores pca_scores",
        "attributes": "adjusted_vectors at_once dose_for factors_moved mean_difference",
        "bounds": "bits_per_dimension elbo_scores Estimate evaluate evaluate_codes Evaluation file_bits "
        "gaussian_plane gaussian_with_covariance gaussian_without_code importance_weighted_bound "
        "importance_weighted_log_prob importance_weighted_scores linear_neighbors",
        "classifier": "read train_classifier train_reader",
        "code_use": "active_units collapse_report CollapseReport kl_per_dimension linear_probe "
        "log_aggregate posterior_means probe_accuracy",
        "frechet": "extrapolate frechet_bias_curve frechet_debiased frechet_distance",
        "intervals": "Interval over_seeds Runs",
        "loss_translator": "effective_beta FAMOUS implied_scale LossWeights",
        "modes": "mode_coverage ModeCoverage point_coverage",
        "paths": "coin_entropy lerp path_cost PathCost retimed slant slerp thickness with_contrast",
        "samples": "coverage Memorization memorization nearest_neighbors Neighbors power_spectrum "
        "precision_recall Quality relative_power relative_sharpness sample_quality sharpness "
        "Spectrum",
        "sizes": "choose_size cost size_curve size_report",
        "text": "NGram",
    },
)
