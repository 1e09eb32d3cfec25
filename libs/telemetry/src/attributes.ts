/**
 * The version of OpenTelemetry's semantic conventions that `attributeNames` and `spanNames` follow: the HTTP
 * conventions (stable) for requests, the messaging conventions (development) for events. A test compares the names.
 */
export const SEMANTIC_CONVENTIONS = '1.45.0';

/** Attribute names: those of OpenTelemetry where they exist, `converge.*` for our own. */
export const attributeNames = {
  system: 'messaging.system.name',
  operation: 'messaging.operation.name',
  operationType: 'messaging.operation.type',
  destination: 'messaging.destination.name',
  partition: 'messaging.destination.partition.id',
  batchSize: 'messaging.batch.message_count',
  eventId: 'messaging.message.id',
  group: 'messaging.consumer.group.name',
  method: 'http.request.method',
  route: 'http.route',
  status: 'http.response.status_code',
  scheme: 'url.scheme',
  errorType: 'error.type',
  topic: 'converge.topic',
  type: 'converge.event.type',
  position: 'converge.position',
  source: 'converge.source',
  consumer: 'converge.consumer',
  alarm: 'converge.alarm',
  recoveryScope: 'converge.recovery.scope',
  parkedState: 'converge.parked.state',
  failureKind: 'converge.failure.kind',
  handler: 'converge.handler',
  call: 'converge.call',
  reconciler: 'converge.reconciler',
  digestMode: 'converge.digest.mode',
  saga: 'converge.saga',
  step: 'converge.saga.step',
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

/**
 * The labels of metrics: the attributes whose values are bounded. A key, an id or an offset is never one.
 * A recording with another label does not compile.
 */
export type LabelName = (typeof attributeNames)[
  | 'topic'
  | 'source'
  | 'consumer'
  | 'handler'
  | 'call'
  | 'operationName'
  | 'reconciler'
  | 'saga'
  | 'step'
  | 'alarm'
  | 'state'
  | 'outcome'
  | 'category'
  | 'failureKind'
  | 'reason'
  | 'attempt'
  | 'giveUp'
  | 'objective'
  | 'waitRule'
  | 'breakerState'
  | 'parkedState'
  | 'recoveryScope'
  | 'verdict'
  | 'digestMode'];

/** Labels of a recording, by their names in telemetry. */
export type Labels<Name extends LabelName = LabelName> = { readonly [N in Name]?: string };
