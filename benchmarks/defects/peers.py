"""The same mistakes in a GitHub workflow, for the checkers that read those: class of `classes.py` → one edit.

Only classes that have a counterpart there are listed.
"""

from __future__ import annotations

from pathlib import Path

BASE = Path(__file__).with_name("workflow.yaml")

EDITS: dict[str, tuple[str, str]] = {
    "a key that is misspelt": ("permissions: {}", "permission: {}"),
    "a key of a step that is misspelt": ("timeout-minutes: 10", "timeout-minute: 10"),
    "a key of a nested map that is misspelt": ("exclude:", "excludes:"),
    "a key that is missing": ("  gate:\n    runs-on: ubuntu-24.04\n", "  gate:\n"),
    "a nested key that is missing": ('    - cron: "0 9 * * 1"\n', "    - {}\n"),
    "a key that stands twice": ("    needs: [install]\n", "    needs: [install]\n    needs: [install]\n"),
    "a section that is empty": ("env:\n  NODE_ENV: production\n", "env:\n"),
    "a list where a map belongs": ("env:\n  NODE_ENV: production\n", "env: [NODE_ENV]\n"),
    "a text where a number belongs": ("timeout-minutes: 10", "timeout-minutes: ten"),
    "a number where a list belongs": ("needs: [install]", "needs: 1"),
    "a duration of nothing": ("timeout-minutes: 10", "timeout-minutes: 0"),
    "a boolean of YAML 1.1": ("    timeout-minutes: 10\n", "    continue-on-error: yes\n"),
    "a value that its enum does not have": ("run: {shell: bash}", "run: {shell: bsh}"),
    "two kinds of a step at once": (
        "        run: npm ci\n",
        "        run: npm ci\n        uses: actions/checkout@v4\n",
    ),
    "a key without effect on this kind": ("        run: npm ci\n", "        run: npm ci\n        with: {a: b}\n"),
    "an anchor that is never used": ("env:\n  NODE", "env: &env\n  NODE"),
    "an anchor that does not exist": ("permissions: {}", "permissions: *none"),
    "a bracket that is not closed": ("needs: [install]", "needs: [install"),
    "a tab as indentation": ("  NODE_ENV: production\n", "\tNODE_ENV: production\n"),
    "a bad id": ("  gate:\n", "  gate!:\n"),
    "a step that does not exist in `after`": ("needs: [gate]", "needs: [gaet]"),
    "a step that waits for itself": ("needs: [gate]", "needs: [gate, publish]"),
    "a cycle": (
        "  install:\n    runs-on: ubuntu-24.04\n",
        "  install:\n    runs-on: ubuntu-24.04\n    needs: [test]\n",
    ),
    "a matrix without values": ("os: [ubuntu-24.04, macos-14]", "os: []"),
    "a value twice in a matrix": ("shard: [1, 2, 3]", "shard: [1, 2, 2, 3]"),
    "an exclude that matches nothing": ("{os: macos-14, shard: 1}", "{os: windows-2022, shard: 1}"),
    "a matrix with too many legs": ("shard: [1, 2, 3]", f"shard: {list(range(300))}"),
    "a step that can never run": ("if: github.event_name == 'push' && needs", "if: false && needs"),
    "a syntax error": ("'push' && needs", "'push' &&& needs"),
    "an input that does not exist": ("${{ inputs.note }}", "${{ inputs.note1 }}"),
    "an output that does not exist": ("needs.bundle.outputs.size", "needs.bundle.outputs.sise"),
    "a step that is not known": ("steps.build.outputs.size", "steps.biuld.outputs.size"),
    "a matrix axis that is not known": ("${{ matrix.shard }}", "${{ matrix.shrd }}"),
    "a function that does not exist": ("if: github.event_name", "if: succes() && github.event_name"),
    "a context that is not known here": ("${{ inputs.note }}", "${{ needs.test.result }}"),
    "a step that is not upstream of a milestone": ("${{ needs.gate.result }}", "${{ needs.test.result }}"),
    "an argument of the wrong type": ("if: github.event_name", "if: startsWith(github.event, 1) && github.event_name"),
    "types that cannot be compared": ("needs.bundle.outputs.size == '12'", "github.event < 'big'"),
    "a condition that is no boolean": (
        "if: github.event_name == 'push' && needs.bundle.outputs.size == '12'",
        "if: github.event_name",
    ),
    "a value that an enum does not have": ("if: github.event_name == 'push'", "if: inputs.target == 'pord'"),
    "an expression without its dollar": ("${{ inputs.note }}", "{{ inputs.note }}"),
    "an expression that is not closed": ("publish ${{ needs.gate.result }}", "publish ${{ needs.gate.result"),
    "a list in the middle of a text": ("${{ needs.gate.result }}", "${{ needs.gate }}"),
    "a default that its type does not allow": ("type: number, default: 3", "type: number, default: three"),
    "a default that its enum does not have": ("default: dev", "default: test"),
    "a type that does not exist": ("note: {type: string", "note: {type: strng"),
    "an input that nobody uses": ("      note: {type", "      spare: {type: string}\n      note: {type"),
    "a cron field out of its range": ('"0 9 * * 1"', '"0 25 * * 1"'),
    "a cron expression with a field too few": ('"0 9 * * 1"', '"0 9 * *"'),
    "a time that never comes": ('"0 9 * * 1"', '"0 9 30 2 *"'),
    "needs that nobody can meet": ("  publish:\n    runs-on: ubuntu-24.04", "  publish:\n    runs-on: ubuntu-94.04"),
    "a credential in the file": ("NODE_ENV: production", "NODE_ENV: ghp_" + "A1b2C3d4" * 4 + "E5f6"),
    "text of people run as code": (
        "run: publish ${{ needs.gate.result }}",
        "run: publish ${{ github.event.head_commit.message }}",
    ),
    "a quote that is not closed": ("run: echo ship", "run: echo 'ship"),
}
