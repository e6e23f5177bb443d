#!/usr/bin/env bash
# Recompiles every locked requirement set from pyproject.toml: `make lock`.
# The development set is resolved first; the others are constrained to its versions, so that a
# function is tested with exactly the packages its layers ship.
set -euo pipefail
cd "$(dirname "$0")/.."
uv="${UV:-.venv/bin/uv}"

compile() { # group, further options
    local group="$1"
    shift
    "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
        --no-emit-index-url --no-emit-find-links --no-annotate --overrides "$overrides" \
        --group "pyproject.toml:$group" --output-file "requirements/$group.txt" "$@"
    echo "compiled requirements/$group.txt"
}

# cfn-lint really uses sympy, which nothing that is shipped does.
scratch="$(mktemp)"
trap 'rm -f "$scratch"' EXIT
grep -v '^sympy' requirements/overrides.txt > "$scratch"
overrides="$scratch"
compile development "$@"
overrides=requirements/overrides.txt
compile training --constraints requirements/development.txt
for group in infra local runtime migrations layer-core layer-api layer-identity layer-postgres layer-redis \
    layer-documents layer-inference layer-billing; do
    compile "$group" --constraints requirements/development.txt
done
