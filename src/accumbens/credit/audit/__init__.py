"""Signals: what the update of every layer reads under a rule, derived from the rule's own computation.

Two ways that must agree: the traced program of the rule's `update` is walked through with labels, which proves what
cannot reach what; and derivatives and disturbed numbers are computed, which shows what does.
"""

from accumbens.credit.audit.audit import audit_named, audit_rule
from accumbens.credit.audit.sizes import small_facts, small_settings
from accumbens.credit.audit.verdict import Audit
from accumbens.credit.audit.words import to_document, verdict

__all__ = ["Audit", "audit_named", "audit_rule", "small_facts", "small_settings", "to_document", "verdict"]
