"""The report of an evaluation: one page with plots that needs nothing from elsewhere."""

from footnote.evaluation.report.page import page

__all__ = ["page"]
