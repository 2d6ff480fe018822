"""The defects: each is one edit of `base.yaml`, with the place and the code of the one finding that it must give.

In `new` the signs `«` and `»` mark the place of the finding; they are not part of the text. `meant` is what a "did you
mean" must offer, for every defect that is a misspelt name.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

BASE = Path(__file__).with_name("base.yaml")


@dataclass(frozen=True, slots=True)
class Defect:
    """One class of mistakes: the text `old`, which stands once in the base, becomes `new`."""

    group: str
    name: str
    old: str
    new: str
    code: str
    meant: str = ""


@dataclass(frozen=True, slots=True)
class Seeded:
    """A defect in its spec, with the place where the finding must stand: 1-based, the end exclusive."""

    defect: Defect
    text: str
    start: tuple[int, int]
    end: tuple[int, int]


def seed(defect: Defect) -> Seeded:
    """Make the edit. Raises ValueError unless `old` stands exactly once and `new` has one marked place."""
    base = BASE.read_text(encoding="utf-8")
    if base.count(defect.old) != 1:
        raise ValueError(f"{defect.name}: {defect.old!r} stands {base.count(defect.old)} times in {BASE.name}")
    if (defect.new.count("«"), defect.new.count("»")) != (1, 1):
        raise ValueError(f"{defect.name}: one place must be marked with « and »")
    marked = base.replace(defect.old, defect.new)
    first, second = marked.index("«"), marked.index("»") - 1
    text = marked.replace("«", "").replace("»", "")
    return Seeded(defect, text, _place(text, first), _place(text, second))


def _place(text: str, offset: int) -> tuple[int, int]:
    before = text[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1


def _defects(group: str, *rows: tuple[str, ...]) -> list[Defect]:
    return [Defect(group, *row) for row in rows]


SYNTAX = _defects(
    "syntax",
    ("a key that is misspelt", "phases:\n", "«phasess»:\n", "unknown-key", "phases"),
    ("a key of a step that is misspelt", "  publish:\n    ref", "  publish:\n    «reff»", "unknown-key", "ref"),
    ("a key of a nested map that is misspelt", "cpu: 2", "«cpus»: 2", "unknown-key", "cpu"),
    ("a key that is missing", "spec: 1\nname: release-site\n", "«spec»: 1\n", "missing-key"),
    (
        "a nested key that is missing",
        "  npm_token: {env: NPM_TOKEN}",
        "  «npm_token»: {description: for npm}",
        "missing-key",
    ),
    (
        "a key that stands twice",
        "    owner: lead\n    use: lint\n",
        "    owner: lead\n    «owner»: lead\n    use: lint\n",
        "duplicate-key",
    ),
    (
        "a section that is empty",
        "phases:\n  build: {title: 1. Build}\n  check: {title: 2. Check}\n",
        "«phases»:\n",
        "empty-section",
    ),
    ("a list where a map belongs", "{title: 1. Build}", "«[1. Build]»", "wrong-type"),
    ("a text where a number belongs", "cpu: 2", "cpu: «two»", "wrong-type"),
    ("a number where a list belongs", 'accept: ["steps.bundle.outputs.size < 500000"]', "accept: «1»", "wrong-type"),
    ("a duration that is none", "timeout: 10m", "timeout: «10 minutes»", "bad-duration", "10m"),
    ("a duration without its unit", "timeout: 10m", "timeout: «10»", "wrong-type", "10s"),
    ("a duration of nothing", "timeout: 10m", "timeout: «0s»", "duration-zero"),
    ("a size that is none", "memory: 2GiB", "memory: «2 gigs»", "bad-size"),
    ("a date that no calendar has", "2030-01-14", "«2030-02-30»", "milestone-date", "2030-02-28"),
    ("a boolean of YAML 1.1", "browser: true", "browser: «yes»", "yaml11-surprise"),
    ("a number out of its range", "jitter: 0.2", "jitter: «2.0»", "bad-number"),
    ("a value that its enum does not have", "on_timeout: reject", "on_timeout: «rejekt»", "bad-enum", "reject"),
    ("two kinds of a step at once", "    run: npm ci\n", "    run: npm ci\n    «agent»: reviewer\n", "kind-conflict"),
    (
        "a key without effect on this kind",
        "    run: npm ci\n",
        "    run: npm ci\n    «prompt»: go\n",
        "ineffective-key",
    ),
    (
        "keys that exclude each other",
        "{id: w1, due: 2030-01-07,",
        "{id: w1, «week»: 1, due: 2030-01-07,",
        "ineffective-key",
    ),
    ("an anchor that is never used", "sandboxes:\n  web:\n", "sandboxes:\n  web: «&box»\n", "unused-anchor"),
    ("an anchor that does not exist", "{type: string}", "«*texxt»", "unknown-anchor"),
    ("a bracket that is not closed", "tools: [shell, files]", "tools: «[»shell, files", "yaml-syntax"),
    ("a tab as indentation", "  NODE_ENV: production\n", "«\t»NODE_ENV: production\n", "yaml-syntax"),
    ("a version that is unknown", "spec: 1\n", "spec: «2»\n", "bad-enum"),
    ("a bad id", "  py:\n    needs", "  «Py!»:\n    needs", "bad-id", "py"),
)
GRAPH = _defects(
    "graph",
    ("a step that does not exist in `after`", "after: [gate]", "after: [«gaet»]", "needs-unknown", "gate"),
    ("a step that waits for itself", "after: [gate]", "after: [gate, «publish»]", "needs-self"),
    ("a cycle", "    env: {NPM_TOKEN", "    after: [«test»]\n    env: {NPM_TOKEN", "needs-cycle"),
    ("a milestone that exists twice", "{id: w2,", "{id: «w1»,", "milestone-duplicate"),
    ("a number that two steps bear", 'ref: "1.2"', 'ref: «"1.1"»', "ref-duplicate"),
    (
        "a phase that does not exist",
        "    phase: check\n    owner: lead\n    use",
        "    phase: «chek»\n    owner: lead\n    use",
        "phase-unknown",
        "check",
    ),
    ("an owner who does not exist", "    owner: lead\n    use", "    owner: «laed»\n    use", "owner-unknown", "lead"),
    (
        "a sandbox that does not exist",
        "    sandbox: py\n    after: [bundle]",
        "    sandbox: «pi»\n    after: [bundle]",
        "sandbox-unknown",
        "py",
    ),
    ("an agent that does not exist", "agent: reviewer", "agent: «reviewr»", "agent-unknown", "reviewer"),
    ("a template that does not exist", "use: lint", "use: «lnt»", "template-unknown", "lint"),
    ("a matrix without values", "os: [linux, darwin]", "os: «[]»", "empty-section"),
    ("a value twice in a matrix", "os: [linux, darwin]", "os: [linux, darwin, «linux»]", "matrix-duplicate"),
    ("an exclude that matches nothing", "- {os: darwin, shard: 0}", "- «{os: windows, shard: 0}»", "matrix-exclude"),
    (
        "a matrix with too many legs",
        '    matrix:\n      shard: "${{ range(inputs.shards) }}"',
        '    «matrix»:\n      shard: "${{ range(300) }}"',
        "matrix-size",
    ),
    ("an artifact that leaves the folder", "{artifact: dist/**}", "{artifact: «../dist/**»}", "artifact-glob"),
    (
        "a step that can never run",
        "\"inputs.target == 'prod' && steps.review.outputs.verdict == 'ship'\"",
        '"«1 > 2»"',
        "expression-constant",
    ),
    (
        "a parameter that the template does not have",
        "with: {folder: src,",
        "with: {«foldr»: src, folder: src,",
        "with-unknown",
    ),
    (
        "a parameter that is missing",
        "use: lint\n    with: {folder: src, strict: true}",
        "use: «lint»\n    with: {strict: true}",
        "with-missing",
    ),
    ("a parameter of the wrong type", "strict: true}\n    after", "strict: «maybe»}\n    after", "with-value"),
)
EXPRESSIONS = _defects(
    "expressions",
    ("a syntax error", "prod' && steps", "prod' &&«&» steps", "expression-syntax"),
    (
        "an input that does not exist",
        "--note ${{ inputs.note }}",
        "--note ${{ inputs.«note1» }}",
        "expression-unknown",
        "note",
    ),
    (
        "an output that does not exist",
        "${{ steps.bundle.outputs.dist }} ${{",
        "${{ steps.bundle.outputs.«dst» }} ${{",
        "expression-unknown",
        "dist",
    ),
    (
        "a property that an answer does not have",
        "steps.review.outputs.verdict ==",
        "steps.review.outputs.«verdikt» ==",
        "expression-unknown",
        "verdict",
    ),
    (
        "a step that is not known",
        "steps.review.outputs.verdict ==",
        "steps.«reveiw».outputs.verdict ==",
        "expression-unknown",
        "review",
    ),
    ("a matrix axis that is not known", "${{ matrix.os }}", "${{ matrix.«oss» }}", "expression-unknown", "os"),
    (
        "a secret that is not declared",
        "${{ secrets.npm_token }}",
        "${{ secrets.«npm_tokn» }}",
        "expression-unknown",
        "npm_token",
    ),
    (
        "a parameter that is not declared",
        "lint ${{ params.folder }}",
        "lint ${{ params.«foldr» }}",
        "expression-unknown",
        "folder",
    ),
    (
        "a function that does not exist",
        "${{ range(inputs.shards) }}",
        "${{ «rnge»(inputs.shards) }}",
        "expression-unknown",
        "range",
    ),
    (
        "a context that is not known here",
        "${{ range(inputs.shards) }}",
        "${{ range(«steps.bundle.outputs.size») }}",
        "expression-context",
    ),
    (
        "a step that has not run yet",
        "Review ${{ steps.bundle.outputs.dist }}.",
        "«Review ${{ steps.publish.state }}.»",
        "needs-cycle",
    ),
    (
        "a step that is not upstream of a milestone",
        "steps.bundle.outputs.size < 500000",
        "«steps.publish.state» == 'succeeded'",
        "expression-context",
    ),
    (
        "an argument of the wrong type",
        "${{ range(inputs.shards) }}",
        "${{ range(«inputs.target») }}",
        "expression-type",
    ),
    (
        "types that cannot be compared",
        "steps.bundle.outputs.size < 500000",
        "steps.bundle.outputs.size < «'big'»",
        "expression-type",
    ),
    (
        "a condition that is no boolean",
        "\"inputs.target == 'prod' && steps.review.outputs.verdict == 'ship'\"",
        '"«inputs.target»"',
        "expression-type",
    ),
    (
        "a value that an enum does not have",
        "inputs.target == 'prod'",
        "inputs.target == «'pord'»",
        "expression-value",
        "prod",
    ),
    ("a value that an agent never answers", "verdict == 'ship'", "verdict == «'shipp'»", "expression-value", "ship"),
    ("an expression without its dollar", "--note ${{ inputs.note }}", "--note «{{ inputs.note }}»", "expression-bare"),
    (
        "an expression that is not closed",
        "prompt: Review ${{ steps.bundle.outputs.dist }}.",
        "prompt: Review ${{ «steps.bundle.outputs.dist.»",
        "expression-syntax",
    ),
    ("a list in the middle of a text", "--shard ${{ matrix.shard }}", "--shard ${{ «[1, 2]» }}", "expression-text"),
)
INPUTS = _defects(
    "inputs",
    (
        "a default that its type does not allow",
        "maximum: 8, default: 3",
        "maximum: 8, default: «three»",
        "input-default",
    ),
    ("a default that is out of bounds", "maximum: 8, default: 3", "maximum: 8, default: «9»", "input-default"),
    (
        "a default that its enum does not have",
        "enum: [dev, prod], default: dev",
        "enum: [dev, prod], default: «test»",
        "input-default",
    ),
    ("bounds that exclude everything", "minimum: 1, maximum: 8", "«minimum»: 9, maximum: 8", "type-schema"),
    ("a type that does not exist", "note: {type: string,", "note: {type: «strng»,", "bad-enum", "string"),
    (
        "an input that nobody uses",
        "  note: {type",
        "  «spare»: {type: string, default: x}\n  note: {type",
        "input-unused",
    ),
    ("a secret that nobody uses", "  npm_token: {env", "  «spare»: {env: SPARE}\n  npm_token: {env", "secret-unused"),
    ("a sandbox that nobody uses", "  py:\n    needs", "  «spare»: {}\n  py:\n    needs", "sandbox-unused"),
    (
        "an agent who does nothing",
        "  lead: {title: Lead",
        "  «idle»: {title: Idle, human: true}\n  lead: {title: Lead",
        "agent-unused",
    ),
    (
        "a template that nobody uses",
        "templates:\n",
        'templates:\n  «spare»: {step: {run: "true"}}\n',
        "template-unused",
    ),
)
PLANS = _defects(
    "plan",
    ("a milestone that names no step", "gate, publish]}", "gate, «publsh»]}", "milestone-unknown", "publish"),
    (
        "a milestone before what it needs",
        "needs: [bundle, style]",
        "needs: [bundle, style, «publish»]",
        "milestone-order",
    ),
    (
        "a step in no milestone",
        "milestones:\n",
        '  «spare»: {phase: check, owner: lead, run: "true"}\nmilestones:\n',
        "milestone-missing",
    ),
    ("a cron field out of its range", '"0 9 * * MON"', '"0 «25» * * MON"', "schedule-cron"),
    ("a cron expression with a field too few", '"0 9 * * MON"', '"«0 9 * *»"', "schedule-cron"),
    ("a time that never comes", '"0 9 * * MON"', '"0 9 «30» 2 *"', "schedule-never"),
    ("a time zone that does not exist", "Europe/Berlin", "«Europe/Berln»", "schedule-timezone", "Europe/Berlin"),
    (
        "an input of a schedule that does not exist",
        "inputs: {target: dev, shards: 4}",
        "inputs: {«targt»: dev, shards: 4}",
        "schedule-inputs",
        "target",
    ),
    ("an input of a schedule that does not fit", "shards: 4}", "shards: «40»}", "schedule-inputs"),
)
SANDBOXES = _defects(
    "sandboxes",
    ("needs that nobody can meet", "cpu: 2, memory: 2GiB", "«cpu»: 64, memory: 2GiB", "sandbox-impossible"),
    (
        "a preferred provider that can never serve",
        "prefer: [e2b]\n",
        "prefer: [«webcontainer», e2b]\n",
        "sandbox-prefer",
    ),
    ("a network without limits", "{allow: [registry.example.org]}", '«"*"»', "sandbox-network"),
    ("a budget below the price", "{usd: 2.00, hours: 4}", "{usd: «0.00001», hours: 4}", "budget-too-small"),
    (
        "an agent without a budget",
        "reviewer:\n    title: Reviewer\n    model: openai:gpt-4.1-mini\n    sandbox: py\n"
        "    tools: [shell, files]\n    budget: {usd: 0.50, turns: 20}\n",
        "«reviewer»:\n    title: Reviewer\n    model: openai:gpt-4.1-mini\n    sandbox: py\n"
        "    tools: [shell, files]\n",
        "agent-budget",
    ),
    (
        "an agent without a limit of turns",
        "    budget: {usd: 0.50, turns: 20}",
        "    «budget»: {usd: 0.50}",
        "agent-turns",
    ),
    ("a tool that does not exist", "tools: [shell, files]", "tools: [«shel», files]", "agent-tool", "shell"),
    ("a model without its provider", "model: openai:gpt-4.1-mini", "model: «gpt-4.1-mini»", "agent-model"),
)
SECRETS = _defects(
    "secrets",
    (
        "a credential in the file",
        "NODE_ENV: production",
        "NODE_ENV: «ghp_" + "A1b2C3d4" * 4 + "E5f6»",
        "credential-literal",
    ),
    (
        "a secret in a prompt",
        "Review ${{ steps.bundle.outputs.dist }}.",
        "Review ${{ «secrets.npm_token» }}.",
        "secret-exposed",
    ),
    ("a secret in a matrix", "os: [linux, darwin]", 'os: [linux, "${{ «secrets.npm_token» }}"]', "secret-exposed"),
    (
        "text of people run as code",
        "publish ${{ steps.bundle",
        "eval «${{ inputs.note }}»; publish ${{ steps.bundle",
        "untrusted-text",
    ),
    ("a quote that is not closed", "run: npm ci\n", "run: npm ci «'»a\n", "shell-syntax"),
    ("an output that is not declared", 'echo "size=12"', 'echo "«siez»=12"', "output-undeclared", "size"),
)

DEFECTS: tuple[Defect, ...] = (
    *SYNTAX,
    *GRAPH,
    *EXPRESSIONS,
    *INPUTS,
    *PLANS,
    *SANDBOXES,
    *SECRETS,
)
