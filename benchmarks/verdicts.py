"""Recompute what the documentation and the README say of the committed results: claim, data, test, verdict.

    uv run python benchmarks/verdicts.py            writes benchmarks/results/verdicts.md
    uv run python benchmarks/verdicts.py --check    writes nothing; exits with 1 if that file is not what comes out now

The claims are the TOML files of `benchmarks/claims`, one section for each part of a page. A claim says where it comes
from (`source`: a paper's words, or `ours`) and has `tests`, each a chain such as

    coagent-dd > coagent-sd > coagent-ds        differs, in this direction
    gevb-nonnegative = vectorised-backprop      no difference is shown
    coagent-ss:angle_1 = 90                     one group beside a number
    lowest coagent-d1 > 0.25                    a number beside a number: nothing is tested
    A / B ~ 8.5                                 a ratio is about that (within 5 %)

or it has `missing`: why no committed result can decide it. A group is `FILE[COLUMN=VALUE;…]:METRIC@WHEN`, all but the
first optional: the part of the file's name that stands for {} in the section's `files`, the rows, the column (the
section's `metric`), and when: `last` (the last evaluation), `first`, `mean` (over all of training, as the pages have
it), `A-B` (over this part of it). `spread FILE*` is, seed by seed, the largest over the smallest of all such files;
`lowest` and `highest` the extreme along training of the mean over seeds. `{n}` is each of the claim's `n`, and the
section's `short` has names for long groups.
"""

import argparse
import sys
import tomllib
from functools import cache
from itertools import groupby
from pathlib import Path

from verdict_samples import Section
from verdict_tests import Judgement, judge, numbers, tests, worst

HERE = Path(__file__).parent
OUTPUT = HERE / "results" / "verdicts.md"
NOTE = """<!-- written by benchmarks/verdicts.py: do not edit -->

# Verdicts

<!-- section: explained -->

What the pages say of the committed results, recomputed from the CSV files by `uv run python benchmarks/verdicts.py`.

Groups of fewer than five seeds (**few**) are compared by Welch's t-test and shown as mean ± 95 % t-interval; larger
ones by the Mann-Whitney test and shown as median (mean ± interval). Numbers of the same networks are paired (t-test,
or Wilcoxon with six pairs or more); one group beside a number is a t-test of one sample. All p are two-sided, and none
is corrected for the number of tests. With three seeds against three, no p is strong evidence.

- **holds**: every difference claimed has p < .05, in the direction claimed; or a number is what it is said to be.
- **overlaps**: none of it is contradicted, and at least one p is .05 or more. Where the claim is that two are alike,
  this is all that so few seeds can say for it.
- **reversed**: at least one difference has p < .05 in the other direction, or where none was claimed; or a number is
  not what it is said to be.
- **not measured**: nothing committed can decide it.

<!-- end of section -->
"""


@cache
def judged() -> list[tuple[dict, dict, list[Judgement]]]:
    """Every claim with its section, and what its comparisons came to."""
    found = []
    for path in sorted((HERE / "claims").glob("*.toml")):
        for table in tomllib.loads(path.read_text(encoding="utf-8"))["section"]:
            section = Section(table["files"], table.get("metric", ""), table.get("short", {}))
            for claim in table["claim"]:
                written = [test.replace("{n}", n) for n in claim.get("n", [""]) for test in claim.get("tests", [])]
                found.append((table, claim, [judgement for test in written for judgement in judge(section, test)]))
    return found


def report() -> str:
    """The whole of the output."""
    parts = [NOTE]
    for _, rows in groupby(judged(), key=lambda row: row[0]["name"]):
        parts.append(_section(list(rows)))
    return "\n".join(parts)


def _section(rows: list[tuple[dict, dict, list[Judgement]]]) -> str:
    table = rows[0][0]
    lines = [f"## {table['title']}", "", f"<!-- section: {table['name']} -->", ""]
    lines += [f"`{table['files']}`{'; ' + table['note'] if 'note' in table else ''}", ""]
    lines += ["| claim | source | data | test | verdict |", "|---|---|---|---|---|"]
    for _, claim, found in rows:
        data = (numbers(found), tests(found)) if found else (claim["missing"], "–")
        cells = (claim["says"], claim["source"], *data, f"**{worst(found) if found else 'not measured'}**")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", "<!-- end of section -->", ""])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with the committed file, write nothing")
    check = parser.parse_args().check
    text = report()
    print(text)
    if not check:
        OUTPUT.write_text(text, encoding="utf-8")
    elif OUTPUT.read_text(encoding="utf-8") != text:
        print(f"{OUTPUT} is not what the results say now: run benchmarks/verdicts.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
