"""Holds a plan against what the edits should have come to: expect_plan.py plan.json CLASS=COUNT…

`KIND=IDENTITY,…` names the conflicts of a kind by the value of their identity.
"""

import json
import sys

path, *expectations = sys.argv[1:]
with open(path, encoding="utf-8") as file:
    plan = json.load(file)

problems = []
for expectation in expectations:
    name, wanted = expectation.split("=")
    if wanted.isdigit() and name in plan["counts"]:
        found = plan["counts"][name]
        wanted = int(wanted)
    else:
        changes = [
            change for change in plan["changes"] if (change["conflict"] or {}).get("kind") == name
        ]
        found = sorted(value for change in changes for value in change["identity"].values())
        wanted = sorted(wanted.split(","))
    if found != wanted:
        problems.append(f"{name}: {found} instead of {wanted}")
if problems:
    sys.exit("the plan isn't as expected: " + "; ".join(problems))
print("the plan is as expected")
