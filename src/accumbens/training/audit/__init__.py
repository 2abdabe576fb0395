"""Locality: what the update of every parameter reads, derived from the computation itself.

Two ways that must agree: the traced program of the agent's own `learn` and `act` is walked through with labels, which
proves what cannot reach what; and derivatives and disturbed errors are computed, which shows what does.
"""

from accumbens.training.audit.audit import audit_agent, audit_config
from accumbens.training.audit.dependencies import Dependencies, analyse
from accumbens.training.audit.sizes import small
from accumbens.training.audit.verdict import Audit, Finding, to_document

__all__ = ["Audit", "Dependencies", "Finding", "analyse", "audit_agent", "audit_config", "small", "to_document"]
