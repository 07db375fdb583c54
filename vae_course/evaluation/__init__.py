"""Measures of a trained model: bounds of log p(x), use of the code, quality of samples."""

from vae_course._lazy import lazily

__getattr__, __dir__, __all__ = lazily(
    __name__,
    {
        "anomaly": "auroc auroc_difference auroc_interval isolation_forest_scores pca_scores",
        "attributes": "adjusted_vectors at_once dose_for factors_moved mean_difference read",
        "bounds": "bits_per_dimension elbo_scores Estimate evaluate Evaluation file_bits "
        "gaussian_plane gaussian_with_covariance gaussian_without_code importance_weighted_bound "
        "importance_weighted_log_prob importance_weighted_scores linear_neighbors",
        "code_use": "active_units collapse_report CollapseReport kl_per_dimension linear_probe "
        "log_aggregate posterior_means probe_accuracy",
        "intervals": "Interval over_seeds Runs",
        "loss_translator": "effective_beta FAMOUS implied_scale LossWeights",
        "paths": "coin_entropy lerp path_cost PathCost retimed slant slerp thickness with_contrast",
        "samples": "coverage extrapolate frechet_bias_curve frechet_debiased frechet_distance Memorization "
        "memorization mode_coverage ModeCoverage nearest_neighbors Neighbors point_coverage power_spectrum "
        "precision_recall Quality relative_power relative_sharpness sample_quality sharpness Spectrum",
        "sizes": "choose_size cost size_curve size_report",
        "text": "NGram",
    },
)
