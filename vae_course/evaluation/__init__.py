"""Measures of a trained model: bounds of log p(x), use of the code, quality of samples."""

from vae_course._lazy import lazily

__getattr__, __dir__, __all__ = lazily(
    __name__,
    {
        "baselines": "auroc auroc_difference auroc_interval file_bits gaussian_plane "
        "gaussian_with_covariance isolation_forest_scores linear_neighbors NGram "
        "pca_scores",
        "bounds": "bits_per_dimension elbo_scores Estimate evaluate Evaluation importance_weighted_bound "
        "importance_weighted_log_prob importance_weighted_scores",
        "code_use": "active_units choose_size collapse_report CollapseReport cost kl_per_dimension "
        "linear_probe log_aggregate posterior_means probe_accuracy size_curve size_report",
        "intervals": "Interval over_seeds Runs",
        "loss_translator": "effective_beta FAMOUS implied_scale LossWeights",
        "paths": "adjusted_vectors at_once coin_entropy dose_for factors_moved lerp mean_difference "
        "path_cost PathCost read slerp with_contrast",
        "samples": "coverage extrapolate frechet_bias_curve frechet_debiased frechet_distance memorization "
        "mode_coverage ModeCoverage point_coverage power_spectrum precision_recall relative_power "
        "relative_sharpness sample_quality sharpness",
    },
)
