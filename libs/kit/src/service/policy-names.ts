import { nearest } from '@convergekit/config/engine';
import { ConvergeError } from '@convergekit/core';
import type { WorkerCall, Workflow } from '@convergekit/saga';
import { queryName } from '@convergekit/saga/engine';
import { policyName } from '@convergekit/inbox/engine';
import type { PolicyLayer } from '@convergekit/resilience';
import { isSpelled } from '@convergekit/resilience/engine';
import type { Plan } from './plan.ts';

/** The parts of a service that have policies. */
export interface WithPolicies<DB> {
  readonly plan: Pick<Plan<DB>, 'consumers' | 'effects'>;
  readonly workflows: readonly Pick<Workflow, 'name' | 'steps'>[];
  /** The rules of the code: operations of the service's own are known by them. */
  readonly rules: PolicyLayer['rules'];
}

/**
 * Refuses a rule of the settings under a name that nothing in the service has: it would be ignored. A call of a saga's step has
 * the name of the step, not its own.
 */
export function checkPolicyNames<DB>(
  service: string,
  layers: readonly PolicyLayer[],
  { plan, workflows, rules: own }: WithPolicies<DB>,
): void {
  const calls = new Map([...usesOf(plan.effects), ...workflows.flatMap(stepsOf)]);
  const handlers = plan.consumers.flatMap(({ name, subscriptions }) =>
    subscriptions.map(({ handler }) => policyName(name, handler)),
  );
  const known = ['default', 'consumer', ...calls.keys(), ...handlers, ...Object.keys(own)];
  const isKnown = (layer: PolicyLayer, rule: string): boolean =>
    known.some((name) => groupsOf(name).some((group) => isSpelled(layer, rule, group))) ||
    Object.keys(own).some((name) => groupsOf(rule).some((group) => isSpelled(layer, group, name)));
  for (const layer of layers)
    for (const rule of Object.keys(layer.rules))
      if (!isKnown(layer, rule)) throw unknown(service, rule, layer.source, { calls, known });
}

/** The names under which calls run, each with the name of the call. */
type Uses = readonly (readonly [use: string, call: string | undefined])[];

function usesOf(effects: readonly Pick<WorkerCall<never>, 'name' | 'call' | 'canQuery'>[]): Uses {
  return effects.flatMap(({ name, call, canQuery }) => [
    [name, call] as const,
    ...(canQuery ? [[queryName(name), call] as const] : []),
  ]);
}

function stepsOf({ steps }: Pick<Workflow, 'steps'>): Uses {
  return [...steps.values()].flatMap((step) =>
    step.kind === 'local'
      ? []
      : [step.name, queryName(step.name), `${step.name}.undo`].map((use) => [use, step.call] as const),
  );
}

/** The names whose rules apply to a name: `payment`, `payment.charge`. */
function groupsOf(name: string): readonly string[] {
  return name.split('.').map((_, at, parts) => parts.slice(0, at + 1).join('.'));
}

function isWithin(name: string, prefix: string): boolean {
  return name === prefix || name.startsWith(`${prefix}.`);
}

function unknown(
  service: string,
  rule: string,
  source: string,
  { calls, known }: { calls: ReadonlyMap<string, string | undefined>; known: readonly string[] },
): ConvergeError {
  const uses = [...calls].flatMap(([use, call]) => (call !== undefined && isWithin(call, rule) ? [use] : []));
  const near = nearest(rule, known);
  const fix =
    uses.length > 0
      ? `this call has the policy of its use: ${uses.join(', ')}`
      : `${near === undefined ? '' : `did you mean ${near}? Otherwise `}correct the name (\`converge policy paths <module>\` prints those of calls), or list an operation of your own in \`policies\` of the service`;
  return new ConvergeError(
    `service ${service} cannot start: policies.${rule} (${source}) is the policy of nothing that it runs; ${fix}`,
    { code: 'SERVICE_INVALID', category: 'configuration', certainty: 'not_applied' },
  );
}
