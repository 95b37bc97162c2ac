"""Logs Insights queries, one per file; `opskit.insights.library` reads them."""
