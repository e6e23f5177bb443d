"""Random histories of refresh-token families against a model of forty lines."""

import asyncio
from dataclasses import dataclass

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from footnote.composition import Container
from footnote.identity.refresh_tokens import parse_token
from footnote.platform.errors import NotAuthenticated
from tests.support.accounts import PASSWORD, context_of, new_email, session_of
from tests.support.identity import close, make_container


@dataclass
class Family:
    """What the model knows of one family."""

    tokens: list[str]
    sign_in: object
    ended: bool = False
    in_grace: bool = False
    device: str = "laptop"

    def use(self, generation: int, device: str) -> str | None:
        """`rotated`, `repeated` or `None` for a refusal, and what follows from it."""
        newest = len(self.tokens) - 1
        if self.ended:
            return None
        if generation == newest:
            self.in_grace = True
            return "rotated"
        if generation == newest - 1 and self.in_grace and device == self.device:
            return "repeated"
        self.ended = True
        return None


def machine(container: Container, dsn: str, loop: asyncio.AbstractEventLoop):
    """The state machine, bound to real engines."""

    class Families(RuleBasedStateMachine):
        def __init__(self):
            super().__init__()
            self.email = new_email()
            first = self.run(container.authentication.register(self.email, PASSWORD, device_id="laptop"))
            second = self.run(container.authentication.login(self.email, PASSWORD, device_id="laptop"))
            self.families = [Family([pair.refresh_token], pair) for pair in (first, second)]

        def run(self, call):
            return loop.run_until_complete(call)

        @rule(
            which=st.integers(0, 1),
            back=st.integers(0, 3),
            device=st.sampled_from(["laptop", "laptop", "other"]),
        )
        def refresh(self, which, back, device):
            family = self.families[which]
            generation = max(0, len(family.tokens) - 1 - back)
            expected = family.use(generation, device)
            try:
                pair = self.run(container.authentication.refresh(family.tokens[generation], device_id=device))
            except NotAuthenticated:
                assert expected is None
                return
            assert expected is not None
            if expected == "rotated":
                family.tokens.append(pair.refresh_token)
            assert pair.refresh_token == family.tokens[generation + 1]
            assert parse_token(pair.refresh_token).generation == generation + 1

        @rule(which=st.integers(0, 1))
        def grace_ends(self, which):
            family = self.families[which]
            family.in_grace = False
            with psycopg.connect(dsn) as connection:
                connection.execute(
                    "UPDATE core.sessions SET rotated_at = rotated_at - interval '11 s' WHERE family_id = %s",
                    (session_of(family.sign_in),),
                )

        @rule(which=st.integers(0, 1))
        def logout(self, which):
            family = self.families[which]
            self.run(container.authentication.logout(context_of(family.sign_in)))
            family.ended = True

    return Families


@pytest.mark.timeout(240)
def test_families_behave_as_the_model_says(module_database, redis_server, secrets):
    loop = asyncio.new_event_loop()
    container = make_container(module_database, redis_server, "footnote_auth", secrets)
    try:
        run_state_machine_as_test(
            machine(container, module_database.superuser_dsn, loop),
            settings=settings(
                max_examples=40,
                stateful_step_count=25,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        loop.run_until_complete(close(container))
        loop.close()
