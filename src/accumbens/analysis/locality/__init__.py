"""Locality: what the update of every parameter reads, derived from the computation itself.

Two ways that must agree: the traced program of the agent's own `learn` and `act` is walked through with labels, which
proves what cannot reach what; and derivatives and disturbed errors are computed, which shows what does.
"""

from accumbens.analysis.locality.audit import audit_agent, audit_config
from accumbens.analysis.locality.dependencies import Dependencies, analyse
from accumbens.analysis.locality.sizes import small
from accumbens.analysis.locality.verdict import Audit, Finding, to_document

__all__ = ["Audit", "Dependencies", "Finding", "analyse", "audit_agent", "audit_config", "small", "to_document"]
