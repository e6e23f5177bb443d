DROP TABLE billing.prices, billing.price_versions;
