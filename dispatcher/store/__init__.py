"""Postgres. The only package that imports asyncpg, and the place where its untyped rows become our values.

Rule 1: one statement, one file in `sql/`; nothing builds SQL from strings.
Rule 2: a lost connection is `DatabaseAway`; whoever holds the facts keeps them and says them again.
"""
