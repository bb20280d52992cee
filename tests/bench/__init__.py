"""Rates, each beside something simple in the same run; `make bench`, or `make bench T=name` for one file of these."""
