"""A catalog as one page that needs no network: distributions, movements, findings, quarantine, outliers with sound."""

from catalogs.report.page import write_report

__all__ = ["write_report"]
