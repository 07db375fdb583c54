"""The course's own tooling: notebooks from their sources, execution, normalization, checks and tables."""
