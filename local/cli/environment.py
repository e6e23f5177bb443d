"""`footnote env`: what AWS's own tools need to speak to the running stack."""

from __future__ import annotations

import json
import shlex
from urllib.parse import urlsplit

import typer

from local import account, secrets
from local.aws.credentials import OPERATOR
from local.cli.session import DataDirectory, data_paths, running_stack, said_plainly
from local.client import ApiClient
from local.paths import DataPaths, cache_directory
from local.stack import BUCKET, REGION, Ports, StackConfig, function_credentials


def env(data_dir: DataDirectory = None) -> None:
    """Print the environment for `aws s3 cp` and the like: eval "$(footnote env)"."""
    data = data_paths(data_dir)
    state = running_stack(data)
    config = _running_config(data, urlsplit(state.api_url).port or 0)
    operator = function_credentials(config, OPERATOR)
    with ApiClient(state.api_url) as client, said_plainly():
        account.sign_in(client, account.load_or_create(data.account))
        prefix = client.me()["organization"]["storage_prefix"]
    variables = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{config.ports.edge}",
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": operator.access_key_id,
        "AWS_SECRET_ACCESS_KEY": operator.secret_access_key,
        "AWS_SESSION_TOKEN": operator.session_token,
        "FOOTNOTE_DROP": f"s3://{BUCKET}/{prefix}",
    }
    for name, value in variables.items():
        typer.echo(f"export {name}={shlex.quote(value)}")


def _running_config(data: DataPaths, api_port: int) -> StackConfig:
    """Ports and keys of the running stack; choosing anew would pass over its ports, which it holds itself."""
    return StackConfig(
        data=data,
        ports=Ports(api=api_port, **json.loads(data.ports.read_text())),
        cache=cache_directory(),
        credential_key=secrets.load_or_create(data.secrets).credential_key,
        secrets={},
    )
