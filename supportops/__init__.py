"""SupportOps: predictions are inputs, rules decide, people overrule, everything is on record."""

__version__ = "0.1.0"
