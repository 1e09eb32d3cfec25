import { type Broker, BrokerError } from '@convergekit/broker';
import { ConvergeError, systemClock, systemRandom } from '@convergekit/core';
import type { Checks } from '@convergekit/config';
import {
  sagaWatch,
  sagaWorker,
  type Workflow,
  type Workflows,
  workflows,
  type WorkflowsOptions,
} from '@convergekit/saga';
import { consumerService, livePolicies } from '@convergekit/inbox';
import { createOutbox } from '@convergekit/outbox';
import { reconcilerService } from '@convergekit/reconcile';
import { relay } from '@convergekit/relay';
import { brokerNotice, relayChecks, relayOptions, standsBy } from '@convergekit/relay/engine';
import { SharedGuards } from '@convergekit/resilience';
import { logger, observeBreaker } from '@convergekit/telemetry';
import type { Connections } from './connections.ts';
import type { Part, ServiceDefinition, ServiceParts } from './definition.ts';
import { httpPart } from './http/http-part.ts';
import { othersWatch } from './others-watch.ts';
import { type Plan, planOf } from './plan.ts';
import { checkPolicyNames } from './policy-names.ts';
import { relayWatch } from './relay-watch.ts';
import type { OwnSettings, Read } from './settings.ts';

/** The parts of a service, made and not started. */
export interface Assembled<DB, Own extends OwnSettings> {
  readonly plan: Plan<DB>;
  /** In the order of their start: a consumer starts after its worker, the service's own parts last. */
  readonly running: readonly Part[];
  /** The checks of /readyz besides the prerequisites. */
  checks(): Checks;
  readonly broker: Broker | undefined;
  readonly parts: ServiceParts<DB, Own>;
}

interface Assembly<DB, Own extends OwnSettings> {
  readonly name: string;
  readonly definition: ServiceDefinition<DB, Own>;
  readonly read: Read<Own>;
  readonly connections: Connections<DB>;
}

/** Makes the parts of a service. Throws when the declaration or the settings do not fit together. */
export function assemble<DB, Own extends OwnSettings>(of: Assembly<DB, Own>): Assembled<DB, Own> {
  const { name, definition, read, connections } = of;
  const { database } = connections;
  const log = logger(name);
  const code = definition.policies === undefined ? [] : [{ source: 'code', rules: definition.policies }];
  const policies = livePolicies({ database, layers: [...code, ...read.policyLayers] });
  const random = systemRandom;
  const shared = new SharedGuards({ policies, clock: systemClock, random, onBreaker: observeBreaker });
  const { settings } = read;
  const declared = definition.consumers ?? [];
  const given = typeof declared === 'function' ? declared({ settings, shared, log }) : declared;
  const plan = planOf<DB>(name, definition, given);
  const { workflows: declaredFlows = [], policies: rules = {} } = definition;
  checkPolicyNames(name, read.policyLayers, { plan, workflows: declaredFlows, rules });
  const broker = plan.needsBroker ? brokerOf(plan, () => connections.broker()) : undefined;
  const { consumers, calls } = plan;
  const { tuning } = definition;
  const flows = flowsOf(declaredFlows, { database, shared });
  const { db } = database;
  const transaction = createOutbox(definition.emits ?? []).for(db);
  const parts = { settings, database, db, transaction, startWorkflow: flows.startWorkflow, shared, log };
  const needsWork = consumers.length > 0 || calls.length > 0 || (definition.sagas ?? []).length > 0;
  const work = needsWork ? connections.workDatabase() : database;
  const usesPolicies = consumers.length > 0 || calls.length > 0 || declaredFlows.length > 0;
  const relayed = plan.relays ? relayPart(of) : { running: [], checks: () => ({}) };
  const reconciled = reconcilerPart(of);
  const consuming =
    broker !== undefined && consumers.length > 0
      ? consumerService(consumers, { ...tuning?.consumers, database: work, broker, policies })
      : undefined;
  const running: readonly Part[] = [
    ...(usesPolicies ? [policies] : []),
    ...relayed.running,
    ...(plan.relays ? [] : unrelayed(plan, definition, { executor: database.executor, log })),
    ...(calls.length > 0
      ? [sagaWorker(calls, { ...tuning?.worker, database: work, wokenBy: [database], shared })]
      : []),
    ...flows.running,
    ...(consuming === undefined ? [] : [consuming]),
    ...(broker !== undefined && plan.others.topics.length + plan.others.consumers.length > 0
      ? [othersWatch({ admin: () => broker.admin(), plan, log })]
      : []),
    ...((definition.sagas ?? []).length > 0 ? [sagaWatch({ database: work })] : []),
    ...reconciled.running,
    ...(definition.parts?.(parts) ?? []),
    ...httpOf(definition, parts),
  ];
  const checks = (): Checks => ({ ...relayed.checks(), ...consuming?.ready(), ...reconciled.checks() });
  return { plan, running, checks, broker, parts };
}

// Of the time of a stop. The rest is for the ends of what the requests use.
const GRACE = 0.9;

function httpOf<DB, Own extends OwnSettings>(
  { http }: ServiceDefinition<DB, Own>,
  parts: ServiceParts<DB, Own>,
): readonly Part[] {
  if (http === undefined) return [];
  const { settings, log } = parts;
  const graceMs = settings.stop.deadlineMs * GRACE;
  return [httpPart({ make: () => http(parts), settings: settings.http, graceMs, log })];
}

/** Opens the broker. The error of a service that needs it for its relay alone says how it does without. */
function brokerOf<DB>({ consumers }: Plan<DB>, open: () => Broker): Broker {
  try {
    return open();
  } catch (error) {
    if (consumers.length > 0 || !(error instanceof BrokerError)) throw error;
    throw new BrokerError(
      `${error.message}; or declare \`relay: false\` where \`converge relay\` publishes its events`,
      { code: error.code, kind: error.kind, certainty: error.certainty },
    );
  }
}

/** What a service without a relay of its own emits, or gives up, needs one beside it. */
function unrelayed<DB>(
  { consumers }: Plan<DB>,
  { emits = [] }: Pick<ServiceDefinition<never, never>, 'emits'>,
  parts: Pick<Parameters<typeof relayWatch>[0], 'executor' | 'log'>,
): readonly Part[] {
  const names = consumers.map(({ name }) => name).join(', ');
  const waits = [
    ...(names === '' ? [] : [`the failure events of ${names}`]),
    ...(names === '' && emits.length === 0 ? [] : ['events that it emits']),
  ];
  return waits.length === 0 ? [] : [relayWatch({ ...parts, waits: waits.join(' and ') })];
}

function flowsOf<DB>(declared: readonly Workflow[], options: WorkflowsOptions<DB>): Flows {
  if (declared.length > 0) {
    const { startWorkflow, worker } = workflows(declared, options);
    return { startWorkflow, running: [worker] };
  }
  const none = (): Promise<never> =>
    Promise.reject(
      new ConvergeError('the service has no workflows: list them in `workflows` of its declaration', {
        code: 'SERVICE_INVALID',
        category: 'configuration',
        certainty: 'not_applied',
      }),
    );
  return { startWorkflow: none, running: [] };
}

interface Flows {
  readonly startWorkflow: Workflows['startWorkflow'];
  readonly running: readonly Part[];
}

interface Checked {
  readonly running: readonly Part[];
  checks(): Checks;
}

/** Makes the relay of the service's database, with connections of its own. */
function relayPart<DB, Own extends OwnSettings>({
  definition,
  read: { settings },
  connections,
}: Assembly<DB, Own>): Checked {
  const log = logger('relay');
  const broker = connections.relayBroker();
  const database = connections.relayDatabase();
  const service = relay({
    log,
    ...relayOptions(settings),
    ...definition.tuning?.relay,
    database,
    broker,
  });
  const notice = brokerNotice({
    broker,
    log,
    standsBy: () => standsBy(service.status()),
  });
  // Not a spread: the relay is an instance of a class.
  const relayed: Part = {
    name: service.name,
    done: service.done,
    start: () => service.start(),
    stop: () => service.stop(),
    live: () => ({ relay: service.live() }),
  };
  return {
    running: [notice, relayed],
    checks: () => relayChecks(service.status(), notice.check()),
  };
}

function reconcilerPart<DB, Own extends OwnSettings>({
  definition,
  connections,
}: Assembly<DB, Own>): Checked {
  const { reconcilers = [], tuning } = definition;
  if (reconcilers.length === 0) return { running: [], checks: () => ({}) };
  const databases = connections.reconciled(
    reconcilers.flatMap(({ desired, actual }) => [desired.in, actual.in]),
  );
  const service = reconcilerService(reconcilers, { ...tuning?.reconcilers, databases });
  return { running: [service], checks: () => service.checks() };
}
