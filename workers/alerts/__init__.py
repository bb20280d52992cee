"""Alerts reach someone: planned into letters, brought to people's channels, acknowledged. See docs/alerts.md."""
