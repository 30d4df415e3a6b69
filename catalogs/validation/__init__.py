"""Checks a catalog's tables against rules, and writes the findings as a page that opens offline."""

from catalogs.validation.page import render_page
from catalogs.validation.report import Failure, RuleResult, ValidationReport
from catalogs.validation.validate import validate_catalog, validate_tables

__all__ = ["Failure", "RuleResult", "ValidationReport", "render_page", "validate_catalog", "validate_tables"]
