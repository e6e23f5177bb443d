"""What is uploaded: really installed for Lambda, and nothing that does not belong there."""

import struct

import pytest

from footnote.platform.manifest import load_manifests
from infra.cdk.bundling import LIMIT_BYTES, REPOSITORY, Assets, runtime_python
from infra.cdk.manifests import Manifests

AARCH64 = 183  # e_machine of ELF


@pytest.fixture(scope="module")
def assets(tmp_path_factory):
    return Assets(tmp_path_factory.mktemp("assets"))


@pytest.fixture(scope="module")
def packages(assets):
    """Of every combination that a function names; built for real."""
    return {names: assets.packages(names) for names in Manifests.of().layer_sets}


def test_packages_are_for_arm_alone(packages):
    libraries = [file for folder in packages.values() for file in folder.rglob("*.so*") if file.is_file()]
    assert libraries
    for library in libraries:
        head = library.read_bytes()[:20]
        if head[:4] == b"\x7fELF":
            assert struct.unpack("<H", head[18:20])[0] == AARCH64, library.name


def test_bytecode_is_never_checked_against_its_source(packages):
    if runtime_python() is None:
        pytest.skip("no interpreter of the runtime's version to compile with")
    compiled = next(iter(packages.values())).rglob("*.pyc")
    for file in list(compiled)[:200]:
        assert struct.unpack("<I", file.read_bytes()[4:8])[0] == 0b01, file.name


def test_every_function_with_its_layers_fits(assets, packages):
    assert packages
    for manifest in load_manifests(REPOSITORY / "functions"):
        if manifest.kind != "container":
            size = assets.size(manifest.name, manifest.layers)
            assert size <= manifest.budget.size_mb * 2**20 <= LIMIT_BYTES, manifest.name


def test_a_function_holds_itself_and_nothing_else(assets):
    for manifest in load_manifests(REPOSITORY / "functions"):
        if manifest.kind == "container":
            continue
        folder = assets.function(manifest.name)
        own = manifest.name.replace("-", "_")
        assert {each.name for each in (folder / "functions").iterdir()} == {"__init__.py", own}
        assert not list(folder.rglob("*.pyc"))
        assert {each.name for each in folder.iterdir()} <= {"functions", "run.sh"}
        assert (folder / "run.sh").exists() == (manifest.kind == "stream")


def test_what_is_unchanged_is_not_built_again(assets, packages):
    (names, folder), *_ = packages.items()
    before = folder.stat().st_mtime_ns
    assert Assets(assets.cache).packages(names) == folder
    assert folder.stat().st_mtime_ns == before


def test_the_product_layer_is_the_product(assets):
    folder = assets.product()
    assert [each.name for each in (folder / "python").iterdir()] == ["footnote"]
    assert (folder / "python/footnote/stores/postgres/migrations/sql/0001_foundation_up.sql").exists()
