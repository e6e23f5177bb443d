"""Gates, and the configurations that went live through them."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from footnote.evaluation.evaluations import Runs
from footnote.evaluation.gate import Condition, Finding, Verdict, judge
from footnote.evaluation.models import Activation, Creation, Gate, Run
from footnote.evaluation.ports import GateStore
from footnote.platform.clock import Clock
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import Conflict
from footnote.platform.ids import new_id
from footnote.platform.overrides import Overrides, digest, merged
from footnote.platform.settings import Settings

MAX_GATES = 50


class Gates:
    """What a configuration must pass before it goes live in an organization.

    Args:
        store: Where gates and activations are kept.
        runs: The evaluations that are judged.
        settings: The deployment's own, which overrides are laid over.
        clock: Time.
    """

    def __init__(self, store: GateStore, runs: Runs, settings: Settings, clock: Clock) -> None:
        self._store = store
        self._runs = runs
        self._settings = settings
        self._clock = clock

    async def create(
        self,
        context: OrganizationContext,
        set_id: UUID,
        name: str,
        conditions: Sequence[Condition],
        baseline_run_id: UUID | None,
        creation: Creation,
    ) -> tuple[Gate, bool]:
        """A new gate, and whether it is new; errors as `GateStore.create_gate`."""
        gate = Gate(
            id=new_id(),
            set_id=set_id,
            name=name,
            conditions=tuple(conditions),
            baseline_run_id=baseline_run_id,
            created_by=context.user_id,
            created_at=self._clock.now(),
        )
        return await self._store.create_gate(context, gate, creation, MAX_GATES)

    async def verdict(self, context: OrganizationContext, gate_id: UUID, run_id: UUID) -> Verdict:
        """Whether a run passes.

        Raises:
            Conflict: The run, or the baseline, is not completed.
            NotFound: There is no such gate or run.
        """
        gate = await self._store.get_gate(context, gate_id)
        verdict, _ = await self._judged(context, gate, run_id)
        return verdict

    async def activate(self, context: OrganizationContext, gate_id: UUID, run_id: UUID) -> Activation:
        """Lets the configuration of a run go live in the organization.

        Raises:
            Conflict: The verdict is not a pass; `details` has its findings.
            NotFound: There is no such gate or run.
        """
        gate = await self._store.get_gate(context, gate_id)
        verdict, run = await self._judged(context, gate, run_id)
        if not verdict.passed:
            raise Conflict(
                f"The run does not pass the gate: {' '.join(verdict.reasons)}", details=verdict.as_json()
            )
        activation = Activation(
            id=new_id(),
            overrides=run.overrides,
            digest=run.digest,
            gate_id=gate_id,
            run_id=run_id,
            verdict=verdict.as_json(),
            activated_by=context.user_id,
            activated_at=self._clock.now(),
        )
        return await self._store.activate(context, activation)

    async def reset(self, context: OrganizationContext) -> Activation:
        """Returns to the deployment's own settings, through no gate: the way back is always open."""
        activation = Activation(
            id=new_id(),
            overrides={},
            digest=digest(self._settings),
            gate_id=None,
            run_id=None,
            verdict={},
            activated_by=context.user_id,
            activated_at=self._clock.now(),
        )
        return await self._store.activate(context, activation)

    async def active_overrides(self, context: OrganizationContext) -> Overrides:
        """What differs from the deployment's settings in this organization; empty if nothing does."""
        newest = await self._store.activations(context, 1)
        return newest[0].overrides if newest else {}

    async def _judged(self, context: OrganizationContext, gate: Gate, run_id: UUID) -> tuple[Verdict, Run]:
        run, candidate = await self._runs.completed_results(context, run_id)
        baseline = None
        if gate.baseline_run_id is not None:
            _, baseline = await self._runs.completed_results(context, gate.baseline_run_id)
        verdict = judge(gate.conditions, candidate, baseline)
        circumstances = self._circumstances(gate, run)
        findings = (*circumstances, *verdict.findings)
        return Verdict(all(finding.passed for finding in findings), findings), run

    def _circumstances(self, gate: Gate, run: Run) -> list[Finding]:
        """What must hold whatever the figures: the gate's own set, and the settings that are in force."""
        findings = []
        if run.set_id != gate.set_id:
            findings.append(Finding("set", False, "The run is of another set than the gate."))
        if digest(merged(self._settings, run.overrides)) != run.digest:
            reason = "The settings or models of the deployment have changed since the run. Run it again."
            findings.append(Finding("configuration", False, reason))
        return findings
