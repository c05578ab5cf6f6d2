"""Redaction, under the name by which what writes for people knows it; see `ports.redaction`."""

from rebalancer.ports.redaction import HIDDEN, SHORTEST, Redactor, hiding, names_secret

__all__ = ["HIDDEN", "SHORTEST", "Redactor", "hiding", "names_secret"]
