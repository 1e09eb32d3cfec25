import {
  age,
  counter,
  duration,
  gauge,
  histogram,
  type InstrumentDefinition,
} from './instrument-definition.ts';
import { reconcileInstruments } from './reconcile-instruments.ts';

export type { InstrumentDefinition };

/** The names used in telemetry. Dashboards, alert rules and tests read them here. */
export const SCOPE = 'converge';

const event = '{event}';

export const instrumentDefinitions = {
  outboxEmitted: counter(
    'converge.outbox.emitted',
    event,
    'Events written to the outbox, also by transactions that were rolled back',
  ),
  outboxBacklog: gauge('converge.outbox.backlog', event, 'Events not published yet, of topics that flow'),
  outboxSize: gauge(
    'converge.outbox.size',
    'By',
    'The outbox on disk with its indexes, retained events included',
  ),
  outboxWaiting: gauge('converge.outbox.waiting', 'By', 'Of that, the share of events not published yet'),
  outboxLimit: gauge(
    'converge.outbox.limit',
    'By',
    'outbox.maxBytes: the bytes that may wait; no series without a limit',
  ),
  outboxAge: age('converge.outbox.age', 'Age of the oldest event not published yet, held topics included'),

  relayPublished: counter('converge.relay.published', event, 'Events acknowledged by the broker'),
  relayTicks: counter('converge.relay.ticks', '{tick}', 'Ticks made'),
  relayTickDuration: duration('converge.relay.tick.duration', 'One poll, with its tick when it made one'),
  relayPublishDuration: duration(
    'converge.relay.publish.duration',
    'One send, from call to last acknowledgement',
  ),
  relayBatchSize: histogram('converge.relay.batch.size', event, 'Events of one send'),
  relaySendFailures: counter(
    'converge.relay.send.failures',
    '{failure}',
    'Failed sends of a partition batch',
  ),
  relayLeader: gauge('converge.relay.leader', '1', '1 while this process holds the lease of the source'),
  relayTakeovers: counter('converge.relay.takeovers', '{takeover}', 'Leases taken by this process'),
  relayEpoch: gauge('converge.relay.epoch', '1', 'Epoch of the source'),
  relayHaltedTopics: gauge('converge.relay.halted_topics', '{topic}', 'Topics that wait for an operator'),
  relayAlarm: gauge('converge.relay.alarm', '1', '1 while the alarm of this name is raised, else 0'),
  relayHorizonBlockers: gauge(
    'converge.relay.horizon_blockers',
    '{transaction}',
    'Open transactions that hold retention back',
  ),

  inboxHandled: counter('converge.inbox.handled', event, 'Events whose handler committed or was settled'),
  inboxDuplicates: counter(
    'converge.inbox.duplicates',
    event,
    'Events dropped because the watermark had passed them',
  ),
  inboxGaps: counter('converge.inbox.gaps', '{gap}', 'Events whose predecessor was never seen'),
  inboxSuperseded: counter(
    'converge.inbox.superseded',
    event,
    'New positions of an epoch that has ended: the old primary is still running',
  ),
  inboxContradictions: counter(
    'converge.inbox.contradictions',
    event,
    'Records whose position their source cannot have, or that exclude one that was handled: forged, or two databases as one source',
  ),
  inboxSourceConflicts: counter(
    'converge.inbox.source_conflicts',
    '{source}',
    'Sources that use the name of another one',
  ),
  inboxForeignReused: counter(
    'converge.inbox.foreign_ids_reused',
    event,
    'Events of foreign producers under an id that had another body before',
  ),
  inboxUnreadableDropped: counter(
    'converge.inbox.unreadable_dropped',
    event,
    'Unreadable records beyond the cap, closed without their bytes',
  ),
  inboxLag: gauge('converge.inbox.lag', event, 'Records between the position and the end of the log'),
  inboxOldest: age(
    'converge.inbox.oldest_age',
    'Age of the oldest record that is not handled and not parked',
  ),
  inboxSliceSize: histogram('converge.inbox.slice.size', event, 'Events of one slice'),
  inboxSliceDuration: duration(
    'converge.inbox.slice.duration',
    'One slice, from its first statement to its commit',
  ),
  inboxPaused: gauge('converge.inbox.paused', '{partition}', 'Partitions that wait by themselves, by reason'),
  inboxHalted: gauge(
    'converge.inbox.halted',
    '{partition}',
    'Partitions that wait for an operator, by reason',
  ),
  inboxPauses: counter(
    'converge.inbox.pauses',
    '{pause}',
    'Pauses of a partition that waits by itself, by reason',
  ),
  inboxParkedKeys: gauge('converge.inbox.parked_keys', '{key}', 'Keys that wait, in order'),
  inboxParked: gauge(
    'converge.inbox.parked',
    event,
    'Events that wait, and dead letters, whether they hold their key or not, by state',
  ),
  inboxParkedAge: age('converge.inbox.parked_age', 'Age of the oldest parked event'),

  policyVersion: gauge('converge.policy.version', '1', 'Newest change of the central policies that was read'),
  policyStaleness: age('converge.policy.staleness', 'Since the central policies were read last'),
  policyRefused: gauge('converge.policy.refused', '{rule}', 'Rules of the central table refused as invalid'),
  failuresUnknown: counter(
    'converge.failures.unknown',
    '{failure}',
    'Errors that no rule of classify matches; they took the declared default',
  ),
  attempts: counter(
    'converge.attempts',
    '{attempt}',
    'Attempts by handler or operation, category, outcome and reason; successful ones included',
  ),
  attemptDuration: duration(
    'converge.attempt.duration',
    'One attempt: a call of a handler or of an operation',
  ),
  attemptWait: duration('converge.attempt.wait', 'Waits before the next attempt, by rule'),
  objectiveTarget: gauge(
    'converge.objective.target',
    '1',
    'Share of the attempts that must be good, by objective',
  ),
  retryBudget: gauge('converge.retry.budget', '1', 'Remaining share of a retry budget, 0 to 1'),
  breakerState: gauge('converge.breaker.state', '1', '0 closed, 1 half open, 2 open, 3 isolated'),
  breakerChanges: counter(
    'converge.breaker.changes',
    '{change}',
    'Changes of a breaker, by the state after it',
  ),
  deadLetters: counter('converge.dead_letters', event, 'Events given up, each with a failure event'),

  effects: counter('converge.effects', '{turn}', 'Turns of foreign effects that ended, by outcome'),
  effectsLate: counter(
    'converge.effects.late',
    '{intent}',
    'Intents that waited for longer than their bound, by effect and by what they wait for',
  ),
  effectsUndeclared: gauge(
    'converge.effects.undeclared',
    '{intent}',
    'Intents that wait although no worker declares their effect',
  ),
  sagas: gauge('converge.sagas', '{saga}', 'Sagas by state'),
  sagaRecovery: duration('converge.saga.recovery', 'From the first failure of a saga to its end'),
  sagaCompensations: counter('converge.saga.compensations', '{run}', 'Compensations run, by outcome'),
  sagaJoinsSwept: counter(
    'converge.saga.joins_swept',
    '{join}',
    'Joins of a group that left incomplete with their run',
  ),
  sagasStuck: gauge('converge.sagas.stuck', '{saga}', 'Sagas that wait for an operator'),

  ...reconcileInstruments,
  scanFindings: gauge(
    'converge.scan.findings',
    '{finding}',
    'What the scans of outboxes and journals found in the last round, by alarm',
  ),
} as const satisfies Record<string, InstrumentDefinition>;

/** Span names, by the messaging conventions: the operation, then the destination. */
export const spanNames = {
  create: (topic: string) => `create ${topic}`,
  send: (topic: string) => `send ${topic}`,
  receive: (topic: string) => `receive ${topic}`,
  process: (topic: string) => `process ${topic}`,
  attempt: (operation: string) => `attempt ${operation}`,
  reconcile: (reconciler: string) => `reconcile ${reconciler}`,
  digest: (reconciler: string) => `digest ${reconciler}`,
} as const;

/** Names of events within a span. */
export const spanEvents = { wait: 'converge.wait' } as const;

/** Attribute names: those of OpenTelemetry where they exist, `converge.*` for our own. */
export const attributeNames = {
  system: 'messaging.system',
  operation: 'messaging.operation.name',
  operationType: 'messaging.operation.type',
  destination: 'messaging.destination.name',
  partition: 'messaging.destination.partition.id',
  batchSize: 'messaging.batch.message_count',
  eventId: 'messaging.message.id',
  group: 'messaging.consumer.group.name',
  errorType: 'error.type',
  topic: 'converge.topic',
  type: 'converge.event.type',
  position: 'converge.position',
  source: 'converge.source',
  consumer: 'converge.consumer',
  alarm: 'alarm',
  parkedState: 'converge.parked.state',
  failureKind: 'converge.failure.kind',
  handler: 'converge.handler',
  effect: 'converge.effect',
  reconciler: 'converge.reconciler',
  digestMode: 'converge.digest.mode',
  saga: 'converge.saga',
  state: 'converge.state',
  attempt: 'converge.attempt.number',
  reason: 'converge.attempt.reason',
  category: 'converge.failure.category',
  certainty: 'converge.failure.certainty',
  outcome: 'converge.outcome',
  verdict: 'converge.verdict',
  giveUp: 'converge.attempt.give_up',
  operationName: 'converge.operation',
  objective: 'converge.objective',
  breakerState: 'converge.breaker.state',
  waitRule: 'converge.wait.rule',
  waitComputed: 'converge.wait.computed_ms',
  waitHint: 'converge.wait.hint_ms',
  waitCap: 'converge.wait.cap_ms',
  waitBudgetLeft: 'converge.wait.budget_left',
} as const;
