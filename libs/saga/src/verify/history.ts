import { KIT_TYPES } from '@convergekit/contracts/engine';
import { type SagaDeclaration, type StepDeclaration, stepsOf } from '../declare/declaration.ts';
import { triggersOf } from '../declare/triggers.ts';
import { decideFence } from '../fence/fence.ts';
import type { JournalRow, Plan } from '../operate/records-sql.ts';
import { planOf } from '../step/member.ts';

/** A recorded decision. It names events by type, so that any two runs of one kind are equal. */
export interface RecordedDecision extends Pick<JournalRow, 'op' | 'trigger' | 'from' | 'to' | 'act'> {
  /** The outcome of the effect. Undefined where it has none. */
  readonly outcome?: string;
  /** The plan for the undo. Undefined but for the decision that begins the step. */
  readonly plan?: Plan;
  /** The cause. Undefined when the event is no longer known. */
  readonly cause?: string;
  /** The type of the emitted event. Undefined: none. */
  readonly emits?: string;
}

/** The decisions of the steps of a run, to be replayed by later code: see `replayHistory`. */
export interface SagaHistory {
  /** The name of the saga. */
  readonly saga: string;
  /** The version of the saga. */
  readonly version: number;
  /** The decisions of each step, by its name. */
  readonly steps: Readonly<
    Record<string, { readonly by: string; readonly decisions: readonly RecordedDecision[] }>
  >;
}

/**
 * Pure: the history of one run, from the journals of its services. `typeOf`: the type of an event, by its id.
 * @example
 * ```ts
 * import { recordHistory } from '@convergekit/testing';
 * import { writeFileSync } from 'node:fs';
 *
 * type Journal = Parameters<typeof recordHistory>[0];
 * // Records a run of today, which `replayHistory` compares with the code of tomorrow.
 * export function record(journal: Journal, types: ReadonlyMap<string, string>): void {
 *   writeFileSync('history.json', JSON.stringify(recordHistory(journal, (id) => types.get(id))));
 * }
 * ```
 */
export function recordHistory(
  journal: readonly JournalRow[],
  typeOf: (eventId: string) => string | undefined,
): SagaHistory {
  const [first] = journal;
  if (first === undefined) throw new TypeError('a history of nothing');
  const steps = [...Map.groupBy(journal, ({ step }) => step)].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return {
    saga: first.saga,
    version: first.version,
    steps: Object.fromEntries(
      steps.map(([step, rows]) => [
        step,
        { by: rows[0]?.consumer ?? '', decisions: rows.toSorted((a, b) => a.seq - b.seq).map(recorded) },
      ]),
    ),
  };

  function recorded(row: JournalRow): RecordedDecision {
    const { op, trigger, from, to, act, outcome, plan, causeEvent, emittedEvent } = row;
    const cause = typeOf(causeEvent);
    const emits = emittedEvent === null ? undefined : typeOf(emittedEvent);
    return {
      op,
      trigger,
      from,
      to,
      act,
      ...(outcome === null ? {} : { outcome }),
      ...(plan === null ? {} : { plan }),
      ...(cause === undefined ? {} : { cause }),
      ...(emits === undefined ? {} : { emits }),
    };
  }
}

/**
 * Checks that present code understands sagas with this history (pure). The checks use the declaration of the history's
 * version, and the fence's table. The result is the faults in words; none when all is well. A test that replays
 * checked-in histories finds a step that was changed without a new version, and a version that was removed.
 * @example
 * ```ts
 * import { readFileSync } from 'node:fs';
 * import { replayHistory } from '@convergekit/testing';
 * import { placeOrder } from './shop.ts';
 *
 * const history = JSON.parse(readFileSync('history.json', 'utf8')) as Parameters<typeof replayHistory>[1];
 * const faults = replayHistory([placeOrder.declaration], history);
 * if (faults.length > 0) throw new Error(faults.join('\n'));
 * ```
 */
export function replayHistory(
  declarations: readonly SagaDeclaration[],
  { saga, version, steps }: SagaHistory,
): readonly string[] {
  const declaration = declarations.find((one) => one.name === saga && one.version === version);
  if (declaration === undefined)
    return [
      `saga ${saga} v${version} is not declared any more: declare it beside the newer ones for as long as sagas of it may be open; then take its histories out with it`,
    ];
  return Object.entries(steps).flatMap(([name, { by, decisions }]) => {
    const step = stepsOf(declaration).find((one) => one.name === name);
    const where = `saga ${saga} v${version}, step ${name}`;
    if (step === undefined) return [`${where}: it is not declared any more; ${FIX}`];
    return [
      ...(step.by === by ? [] : [`${where}: ${by} ran it, and now ${step.by} does; ${FIX}`]),
      ...replay({ declaration, step }, decisions).map((what) => `${where}, ${what}; ${FIX}`),
    ];
  });
}

const FIX = 'give a changed saga a new version, and keep the old one beside it';

interface Declared {
  readonly declaration: SagaDeclaration;
  readonly step: StepDeclaration;
}

function replay(declared: Declared, decisions: readonly RecordedDecision[]): readonly string[] {
  const plan = planOf(declared);
  return decisions.flatMap((row, at) => {
    const { trigger, from, to, act, cause } = row;
    const decided = decideFence(from, trigger);
    const wrong = [
      ...(from === (decisions[at - 1]?.to ?? 'absent')
        ? []
        : [`it says ${from} after ${decisions[at - 1]?.to ?? 'absent'}`]),
      ...(decided.state === to && decided.act === act
        ? []
        : [`${trigger} on ${from} gave ${to} and ${act}, and now gives ${decided.state} and ${decided.act}`]),
      ...(row.plan === undefined || JSON.stringify(row.plan) === plan
        ? []
        : [`it was to be undone by ${JSON.stringify(row.plan)}, and now by ${plan}`]),
      ...(cause === undefined || causesOf(declared).includes(cause)
        ? []
        : [`it does not listen to ${cause} any more`]),
      ...unlike(declared.step, row),
    ];
    return wrong.map((what) => `row ${at + 1}: ${what}`);
  });
}

/** Everything that moves the step. */
function causesOf({ declaration, step }: Declared): readonly string[] {
  return [...triggersOf(declaration, step).map(({ type }) => type), KIT_TYPES.failure];
}

/** Returns the facts that the step now emits by another event (pure). */
function unlike(
  { success, failure, undone }: StepDeclaration,
  { act, trigger, emits }: RecordedDecision,
): readonly string[] {
  if (emits === undefined) return [];
  const now =
    act === 'emit_success'
      ? success
      : act === 'emit_undone'
        ? undone
        : trigger === 'rejected'
          ? failure
          : undefined;
  // A step that had no effect passes the undo on by the kit's own event.
  if (act === 'emit_undone' && emits === KIT_TYPES.stepUndone) return [];
  const type = now?.type ?? (act === 'emit_undone' ? KIT_TYPES.stepUndone : KIT_TYPES.failure);
  return emits === type ? [] : [`it emitted ${emits}, and now emits ${type}`];
}
