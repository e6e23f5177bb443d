-- What models cost the platform, and what an organization, or the platform, may spend in a month (reliability.md, l;
-- sections 16.1 and 16.2 of the reference document). Amounts are integers of micro-USD.

-- Prices -----------------------------------------------------------------------------------------------------
-- Versions are added and never changed: each row of a ledger names the one that it was counted by.
CREATE TABLE billing.price_versions (
    version int PRIMARY KEY CHECK (version > 0),
    note text NOT NULL CHECK (note <> ''),
    published_at timestamptz NOT NULL DEFAULT now()
);
-- Micro-USD for a million units of a model; `*`: of any other, '': of no model. `source` is where it was read, and when.
CREATE TABLE billing.prices (
    version int NOT NULL REFERENCES billing.price_versions,
    meter text NOT NULL CHECK (meter IN (
        'input_tokens', 'cached_tokens', 'output_tokens', 'embedding_tokens', 'rerank_calls', 'compute_ms')),
    model text NOT NULL,
    price bigint NOT NULL CHECK (price >= 0),
    source text NOT NULL CHECK (source <> ''),
    PRIMARY KEY (version, meter, model)
);
INSERT INTO billing.price_versions (version, note) VALUES
    (1, 'A small hosted model; instances of SageMaker on demand in us-east-1. List prices of 2026-11-22.');
INSERT INTO billing.prices (version, meter, model, price, source) VALUES
    (1, 'input_tokens', '*', 150000, 'USD 0.15 a million tokens, a small hosted model, 2026-11-22'),
    (1, 'cached_tokens', '*', 75000, 'USD 0.075 a million tokens, a small hosted model, 2026-11-22'),
    (1, 'output_tokens', '*', 600000, 'USD 0.60 a million tokens, a small hosted model, 2026-11-22'),
    (1, 'embedding_tokens', '*', 20000, 'USD 0.02 a million tokens, a small hosted model, 2026-11-22'),
    (1, 'rerank_calls', '*', 28333334, 'USD 0.204 an hour of ml.c6i.xlarge, half a second a call, 2026-11-22'),
    (1, 'compute_ms', '*', 391112, 'USD 1.408 an hour of ml.g5.xlarge / 3.6e6 ms, rounded up, 2026-11-22'),
    (1, 'compute_ms', '', 16667, 'USD 0.0000166667 a second of Lambda with 1 GB, 2026-11-22'),
    (1, 'input_tokens', 'extractive', 0, 'no model is asked'),
    (1, 'cached_tokens', 'extractive', 0, 'no model is asked'),
    (1, 'output_tokens', 'extractive', 0, 'no model is asked'),
    (1, 'compute_ms', 'extractive', 0, 'no model is asked');
CREATE TRIGGER published BEFORE UPDATE OR DELETE ON billing.price_versions
    FOR EACH ROW EXECUTE FUNCTION billing.refuse_change();
CREATE TRIGGER published BEFORE UPDATE OR DELETE ON billing.prices
    FOR EACH ROW EXECUTE FUNCTION billing.refuse_change();
GRANT SELECT ON billing.price_versions, billing.prices TO footnote_app;
