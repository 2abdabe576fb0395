"""The audit of a rule: what the update of every layer reads, derived from the rule's own computation."""

from accumbens.credit.audit.measure import draw, measure
from accumbens.credit.audit.optimiser import crossings
from accumbens.credit.audit.program import trace
from accumbens.credit.audit.reading import read
from accumbens.credit.audit.replay import has_marks_in_loops
from accumbens.credit.audit.sizes import EXAMPLES, longer_facts, small_facts, small_settings
from accumbens.credit.audit.time import look
from accumbens.credit.audit.verdict import Audit
from accumbens.credit.program import make_optimiser
from accumbens.credit.protocol import Rule, TaskFacts
from accumbens.credit.registry import make_rule
from accumbens.credit.settings import RuleSettings


def audit_rule(
    rule: Rule,
    facts: TaskFacts,
    settings: RuleSettings | None = None,
    *,
    measured: bool = True,
    longer: Rule | None = None,
) -> Audit:
    """Return what the update of every layer reads.

    Args:
        rule: how the layers learn; best made small, see `sizes`.
        facts: of the task.
        settings: of the rule: says which optimiser there is; None leaves the optimiser out.
        measured: compute as well as read the program: takes seconds of compilation.
        longer: of sequences: the rule made for `longer_facts`, if it has to know how many steps there are.
    """
    examples = EXAMPLES if settings is None else min(EXAMPLES, settings.batch_size)
    program = trace(rule, facts, examples)
    loops = has_marks_in_loops(program.jaxpr)
    found = measure(program, draw(rule, facts, program, examples)) if measured and not loops else None
    crossed = None if settings is None else crossings(rule, make_optimiser(settings))
    time = None
    if facts.steps is not None:
        time = look(program, trace(longer or rule, longer_facts(facts), examples), examples)
    return Audit(read(program), found, crossed, loops, time)


def audit_named(
    name: str, settings: RuleSettings, facts: TaskFacts, task: str = "the task", *, measured: bool = True
) -> Audit:
    """Return what the update of every layer reads under a registered rule, made small.

    Args:
        name: of the rule.
        settings: of the rule; sizes are made small, the computation stays.
        facts: of the task, made small likewise.
        task: its name, for errors.
        measured: compute as well as read the program.

    Raises:
        UnknownNameError: there is no such rule.
        AccumbensError: the settings do not fit the task.
    """
    facts, settings = small_facts(facts), small_settings(settings)
    longer = None if facts.steps is None else make_rule(name, settings, longer_facts(facts), task)
    rule = make_rule(name, settings, facts, task)
    return audit_rule(rule, facts, settings, measured=measured, longer=longer)
