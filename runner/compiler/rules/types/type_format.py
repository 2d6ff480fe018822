"""`type-format`: a `format` that nobody knows."""

from __future__ import annotations

from runner.compiler.diagnostic import Diagnostic, Fix, warning
from runner.compiler.rules.context import Context
from runner.compiler.rules.types.declared import declared_types, inner_types
from runner.compiler.spec.read import at_text
from runner.compiler.suggest import certain, nearest

CODE = "type-format"
#: JSON Schema 2020-12, Validation, section 7.3, and two more that forms use.
FORMATS = frozenset(
    (
        "date-time",
        "date",
        "time",
        "duration",
        "email",
        "idn-email",
        "hostname",
        "idn-hostname",
        "ipv4",
        "ipv6",
        "uri",
        "uri-reference",
        "iri",
        "iri-reference",
        "uuid",
        "uri-template",
        "json-pointer",
        "relative-json-pointer",
        "regex",
        "password",
        "binary",
    )
)
_ALSO = {"datetime": "date-time", "url": "uri", "guid": "uuid", "ip": "ipv4", "mail": "email", "timestamp": "date-time"}


def check(context: Context) -> list[Diagnostic]:
    """The formats are those of JSON Schema, and `password` and `binary`; forms and models go by them."""
    found = []
    for where, declared in declared_types(context.workflow):
        for node in inner_types(declared):
            at = at_text(node.get("format"))
            if at is None or at.value in FORMATS:
                continue
            near = [_ALSO[at.value]] if at.value in _ALSO else nearest(at.value, sorted(FORMATS))
            hint = f"did you mean `{near[0]}`?" if near else "for example `date-time`, `email`, `uri`, `uuid`"
            fix = Fix(f"write `{near[0]}`", at.span, near[0], safe=certain(at.value, FORMATS)) if near else None
            found.append(warning(CODE, f"there is no format `{at.value}` (in {where})", at.span, hint, fix=fix))
    return found
