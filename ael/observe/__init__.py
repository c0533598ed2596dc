"""Adapters that watch executions: logging, progress on a terminal or in a log file."""
