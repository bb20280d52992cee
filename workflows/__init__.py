"""Decisions only: one module a right. Add a right with one new file.

A module exports `RIGHT = Right(name, article, clock, stages)`. A stage is a function from the case to the
steps that it asks for; it is asked again whenever they are over, until it asks for nothing new. It does no I/O.
"""
