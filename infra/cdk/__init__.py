"""The AWS deployment: `cdk deploy` reads the same `function.toml` files as the local stack."""
