"""The audit of a rule: what the update of every layer reads, derived from the rule's own computation."""

from accumbens.credit.audit.measure import draw, measure
from accumbens.credit.audit.optimiser import crossings
from accumbens.credit.audit.program import trace
from accumbens.credit.audit.reading import read
from accumbens.credit.audit.replay import has_marks_in_loops
from accumbens.credit.audit.sizes import EXAMPLES, small_facts, small_settings
from accumbens.credit.audit.verdict import Audit
from accumbens.credit.program import make_optimiser
from accumbens.credit.protocol import Rule, TaskFacts
from accumbens.credit.registry import make_rule
from accumbens.credit.settings import RuleSettings


def audit_rule(rule: Rule, facts: TaskFacts, settings: RuleSettings | None = None, *, measured: bool = True) -> Audit:
    """Return what the update of every layer reads.

    Args:
        rule: how the layers learn; best made small, see `sizes`.
        facts: of the task.
        settings: of the rule: says which optimiser there is; None leaves the optimiser out.
        measured: compute as well as read the program: takes seconds of compilation.
    """
    program = trace(rule, facts, EXAMPLES)
    loops = has_marks_in_loops(program.jaxpr)
    found = measure(program, draw(rule, facts, program, EXAMPLES)) if measured and not loops else None
    crossed = None if settings is None else crossings(rule, make_optimiser(settings))
    return Audit(read(program), found, crossed, loops)


def audit_named(name: str, settings: RuleSettings, facts: TaskFacts, *, measured: bool = True) -> Audit:
    """Return what the update of every layer reads under a registered rule, made small.

    Args:
        name: of the rule.
        settings: of the rule; sizes are made small, the computation stays.
        facts: of the task, made small likewise.
        measured: compute as well as read the program.

    Raises:
        UnknownNameError: there is no such rule.
        AccumbensError: the settings do not fit the task.
    """
    facts, settings = small_facts(facts), small_settings(settings)
    return audit_rule(make_rule(name, settings, facts), facts, settings, measured=measured)
