"""What an agent's model costs in one step: list prices of models, the agent's budget, and assumptions about turns."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, cast

from runner.compiler.canonical import Json
from runner.compiler.plan.amounts import Range
from runner.compiler.schemas import schema_path

#: Turns of a model in one step: one at the least, and where the budget does not say, at the likeliest and the most.
TURNS = Range(1, 8, 50)
#: Tokens that a model reads in one turn (prompt, history, results of tools) and writes (text, calls of tools).
READ = Range(500, 6_000, 60_000)
WRITTEN = Range(20, 600, 8_000)
#: The part of a budget that is likely to be used, where the model's price is not known.
LIKELY_PART = 0.5
_VERSION = re.compile(r"-latest|-preview|[-@]\d{4}.*|@.*")


@lru_cache(maxsize=1)
def prices() -> Mapping[str, Any]:
    """US dollars for a million tokens read and written, by model: `schemas/models.json`."""
    found = json.loads(schema_path("models.json").read_bytes())
    return cast("Mapping[str, Any]", found["usd_per_million_tokens"])


def per_token(model: str) -> tuple[float, float] | None:
    """US dollars for one token read and one written; None for a model whose price is not known."""
    vendor, colon, name = model.partition(":")
    wanted = f"{vendor}:{name}" if colon else ""
    fits = [known for known in prices() if wanted == known or _dated(wanted, known)]
    if not fits:
        return None
    price = prices()[max(fits, key=len)]
    return price["read"] / 1e6, price["written"] / 1e6


def least_tokens() -> float:
    """Tokens that the shortest turn of a model reads and writes."""
    return READ.low + WRITTEN.low


def _dated(wanted: str, known: str) -> bool:
    return wanted.startswith(known) and _VERSION.fullmatch(wanted[len(known) :]) is not None


def _amount(value: Json) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0 else None


def _tokens(price: tuple[float, float], budget: Mapping[str, Json]) -> Range:
    """US dollars for the turns of one step, within the turns and tokens of the budget."""
    most = _amount(budget.get("turns"))
    turns = TURNS if most is None else Range(TURNS.low, min(TURNS.likely, most), most)
    usd = (READ * price[0] + WRITTEN * price[1]) * turns
    tokens = _amount(budget.get("tokens"))
    return usd if tokens is None else usd.within(0.0, tokens * max(price))


def model_price(model: str, budget: Mapping[str, Json]) -> tuple[Range, bool]:
    """US dollars of an agent's model for one attempt of a step, and whether `high` cannot be passed.

    `model` is as in the spec (`openai:gpt-4.1-mini`), `budget` the agent's: `usd`, `turns` and `tokens`.
    """
    most = _amount(budget.get("usd"))
    price = per_token(model)
    if price is None:
        return (Range(), False) if most is None else (Range(0.0, LIKELY_PART * most, most), True)
    usd = _tokens(price, budget)
    if most is None:
        return usd, _amount(budget.get("tokens")) is not None
    return Range(min(usd.low, most), min(usd.likely, most), most), True
