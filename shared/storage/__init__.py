"""Storages that connectors share: opened by URL, and emptied of an object with every version of it."""
