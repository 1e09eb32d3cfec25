import type { Finding } from './check.ts';
import type { LogRecord } from './facts.ts';

/** An effect that a consumer recorded in its own transaction. */
export interface Effect {
  readonly consumer: string;
  /** The kind: `handle` of an event, `apply` or `compensate` of a saga step. */
  readonly act: string;
  readonly eventId: string;
  readonly type: string;
  readonly atMs: number;
}

/** The state of a saga's step, as the narrative of its run shows it. */
export interface StepFact {
  readonly consumer: string;
  readonly step: string;
  /** The id of the event that started the saga. */
  readonly instance: string;
  readonly state: string;
}

/** A subscription of a consumer to a type, as the shop's map declares it. */
export interface Subscription {
  readonly consumer: string;
  readonly type: string;
  /** The event begins this step of a saga. */
  readonly step?: string;
  /** The failure that the consumer follows: the failed event's type, and the consumer that failed. */
  readonly failure?: { readonly of: string; readonly type: string };
}

/** Finds effects that happened twice, without a written event, or undid nothing. */
export function findWrongEffects(
  outbox: readonly { readonly eventId: string }[],
  effects: readonly Effect[],
): readonly Finding[] {
  const written = new Set(outbox.map((row) => row.eventId));
  const counts = new Map<string, number>();
  for (const one of effects) counts.set(nameOf(one), (counts.get(nameOf(one)) ?? 0) + 1);
  const twice = [...counts]
    .filter(([, count]) => count > 1)
    .map(([name, count]): Finding => {
      const [consumer = '', act = '', eventId = ''] = name.split(' ');
      return { kind: 'effect_twice', message: `${consumer} did ${act} ${count} times for event ${eventId}` };
    });
  const undone = effects
    .filter((one) => one.act === 'compensate' && !counts.has(nameOf({ ...one, act: 'apply' })))
    .map(({ consumer, eventId, type }): Finding => ({
      kind: 'effect_invented',
      message: `${consumer} undid what it had not done for event ${eventId} (${type})`,
    }));
  const invented = effects
    .filter(({ eventId }) => !written.has(eventId))
    .map(({ consumer, eventId, type }): Finding => ({
      kind: 'effect_invented',
      message: `${consumer} took effect for event ${eventId} (${type}), which was never written`,
    }));
  return [...twice, ...undone, ...invented];
}

function nameOf({ consumer, act, eventId }: Pick<Effect, 'consumer' | 'act' | 'eventId'>): string {
  return `${consumer} ${act} ${eventId}`;
}

/**
 * Finds subscribed events without effect and without failure event. An event that begins a saga step must also be
 * decided there, and have its effect if the step says so.
 */
export function findMissingEffects(
  log: readonly LogRecord[],
  effects: readonly Effect[],
  subscriptions: readonly Subscription[],
  steps: readonly StepFact[],
): readonly Finding[] {
  const applied = new Set(effects.filter(({ act }) => act === 'apply').map(({ consumer, eventId }) => `${consumer} ${eventId}`)); // prettier-ignore
  const states = new Map(steps.map((one) => [`${one.consumer} ${one.step} ${one.instance}`, one.state]));
  const undecided = log.flatMap((record): Finding[] =>
    subscriptions.flatMap(({ consumer, type, step }): Finding[] => {
      if (step === undefined || type !== record.headers['ce_type']) return [];
      const id = record.headers['ce_id'] ?? '';
      const state = states.get(`${consumer} ${step} ${instanceOf(record)}`);
      if (state !== undefined && (state !== 'applied' || applied.has(`${consumer} ${id}`))) return [];
      const what = `${consumer} ${state === undefined ? 'decided nothing' : 'says it applied, but took no effect'}`;
      return [{ kind: 'effect_missing', message: `${what} for event ${id} (${type})` }];
    }),
  );
  return [...undecided, ...missing(log, effects, subscriptions)];
}

/** Returns the instance of the run that an event belongs to or starts. */
function instanceOf({ headers }: LogRecord): string {
  return headers['ce_saga']?.split('/').at(-1) ?? headers['ce_id'] ?? '';
}

function missing(
  log: readonly LogRecord[],
  effects: readonly Effect[],
  subscriptions: readonly Subscription[],
): readonly Finding[] {
  const taken = new Set(effects.map(({ consumer, eventId }) => `${consumer} ${eventId}`));
  const failures = failuresOf(log);
  const declared = new Set(failures.map(({ consumer, failedId }) => `${consumer} ${failedId}`));
  const owed = new Map<string, string>();
  for (const record of log) {
    const id = record.headers['ce_id'] ?? '';
    for (const { consumer, type, step, failure } of subscriptions)
      if (step === undefined && failure === undefined && type === record.headers['ce_type'])
        owed.set(`${consumer} ${id}`, type);
  }
  for (const { consumer: of, failedType, id } of failures)
    for (const { consumer, failure } of subscriptions)
      if (failure?.of === of && failure.type === failedType)
        owed.set(`${consumer} ${id}`, `failure of ${failedType}`);
  return [...owed]
    .filter(([pair]) => !taken.has(pair) && !declared.has(pair))
    .map(([pair, type]) => {
      const [consumer = '', eventId = ''] = pair.split(' ');
      return {
        kind: 'effect_missing',
        message: `${consumer} neither took effect for event ${eventId} (${type}) nor declared why not`,
      };
    });
}

/** The failure events of a log. */
function failuresOf(log: readonly LogRecord[]) {
  return log
    .filter((record) => record.headers['ce_type'] === 'converge.failure')
    .map((record) => {
      const data = JSON.parse(record.payload) as { consumer: string; event: { id: string; type: string } };
      return {
        id: record.headers['ce_id'] ?? '',
        consumer: data.consumer,
        failedId: data.event.id,
        failedType: data.event.type,
      };
    });
}
