"""Judgement. Pure functions and small state machines: no I/O, no clock, no dice of their own.

Rule 1: every decision about a delivery's future is made in this package.
Rule 2: nothing here awaits, logs, or reads the time; callers pass what it needs.
"""
