"""Units of models as ledger lines, and bounds that no use exceeds."""

from hypothesis import given
from hypothesis import strategies as st

from footnote.billing import ANY, Bounds, Cost, KeptResponse, PriceList, used_lines
from footnote.billing.metering import highest_cost
from footnote.models import ModelUsage
from footnote.quota import Meter, Replayed, Used

PRICES = PriceList(
    7,
    {
        (Meter.INPUT_TOKENS, "*"): 150_000,
        (Meter.INPUT_TOKENS, "extractive"): 0,
        (Meter.CACHED_TOKENS, "*"): 75_000,
        (Meter.OUTPUT_TOKENS, "*"): 600_000,
        (Meter.OUTPUT_TOKENS, "extractive"): 0,
        (Meter.EMBEDDING_TOKENS, "*"): 20_000,
        (Meter.RERANK_CALLS, "*"): 500_000,
        (Meter.COMPUTE_MS, "*"): 16_667,
    },
)
KINDS = ("input_tokens", "output_tokens", "embedding_tokens", "rerank_calls", "compute_ms")


def usage_of(units):
    usage = ModelUsage()
    for (kind, model), count in units.items():
        usage.add(kind, model, count)
    return usage


def test_cached_tokens_are_counted_as_input_and_cost_as_cached():
    usage = usage_of({("input_tokens", "m"): 200, ("cached_tokens", "m"): 120, ("input_tokens", "n"): 10})
    assert set(used_lines(usage, PRICES)) == {
        Used(Meter.INPUT_TOKENS, 200, "m", 12),
        Used(Meter.CACHED_TOKENS, 120, "m", 9),
        Used(Meter.INPUT_TOKENS, 10, "n", 2),
    }


def test_a_cost_is_the_sum_of_its_lines_by_kind():
    lines = used_lines(
        usage_of({("input_tokens", "m"): 200, ("rerank_calls", "r"): 3, ("input_tokens", "extractive"): 900}),
        PRICES,
    )
    cost = Cost.of((Used(Meter.MESSAGES, 1), *lines), PRICES.version)
    assert cost.as_json() == {
        "total_micro_usd": 32,
        "embedding": 0,
        "rerank": 2,
        "input": 30,
        "cached": 0,
        "output": 0,
        "compute": 0,
        "price_version": 7,
    }


@given(
    st.dictionaries(
        st.tuples(st.sampled_from(KINDS), st.sampled_from(["m", "extractive"])), st.integers(0, 10**6)
    ),
    st.floats(0, 1),
    st.booleans(),
)
def test_no_use_within_bounds_costs_more_than_was_reserved(units, share, is_named):
    used = dict(units)
    for (kind, model), count in units.items():
        if kind == "input_tokens":
            used["cached_tokens", model] = int(share * count)
    cost = Cost.of(used_lines(usage_of(used), PRICES), 7).total_micro_usd
    bounds = {(Meter(kind), model): count for (kind, model), count in used.items()}
    bounds |= {
        (Meter.CACHED_TOKENS, name): n for (meter, name), n in bounds.items() if meter == "input_tokens"
    }
    if not is_named:
        summed = {}
        for (meter, _), count in bounds.items():
            summed[meter, ANY] = summed.get((meter, ANY), 0) + count
        # Each model's line is rounded up by itself.
        assert cost <= highest_cost(summed, PRICES) + len(KINDS)
    else:
        assert cost <= highest_cost(bounds, PRICES)


def test_what_no_model_is_used_for_holds_no_cost():
    assert Bounds({Meter.API_CALLS: 1}, {}).units(PRICES) == {Meter.API_CALLS: 1}
    both = Bounds({Meter.API_CALLS: 1}, {(Meter.RERANK_CALLS, ANY): 4, (Meter.COMPUTE_MS, "m"): 0})
    assert both.units(PRICES) == {Meter.API_CALLS: 1, Meter.RERANK_CALLS: 4, Meter.COST: 2}


def test_a_kept_response_survives_the_order_of_keys():
    kept = KeptResponse(201, '{"b":1,"a":{"z":1,"y":2}}')
    assert KeptResponse.of(Replayed(dict(reversed(kept.as_json().items())))) == kept
