import { entryText, type Narrative, type NarrativeEntry } from '@convergekit/operate';
import { z } from 'zod';

/** A stretch of a step's time. `to` undefined: it goes on. `needsCare`: it ended without effect, or waits for an operator. */
const bar = z.object({
  kind: z.enum(['forward', 'wait', 'undo']),
  from: z.number(),
  to: z.number().optional(),
  text: z.string(),
  needsCare: z.boolean(),
});
export type Bar = z.output<typeof bar>;

/** A moment of a step: a failed attempt, or an act of an operator. */
const mark = z.object({ kind: z.enum(['failed', 'operator']), at: z.number(), text: z.string() });
export type Mark = z.output<typeof mark>;

/** The row of one step, in the lane of its service. */
const laneRow = z.object({
  step: z.string(),
  bars: z.array(bar).readonly(),
  marks: z.array(mark).readonly(),
});
const point = z.object({ step: z.string(), at: z.number() });

/** From what made a compensation necessary to the compensation. */
const arrow = z.object({ from: point, to: point, text: z.string() });
export type Arrow = z.output<typeof arrow>;

/** The swim lanes of one saga: a lane for each service, all on one axis of time, in milliseconds since the epoch. */
export const lanesSchema = z.object({
  lanes: z.array(z.object({ service: z.string(), rows: z.array(laneRow).readonly() })).readonly(),
  arrows: z.array(arrow).readonly(),
});
export type Lanes = z.output<typeof lanesSchema>;

type Decision = Extract<NarrativeEntry, { kind: 'decision' }>;

/** Arranges a narrative in lanes (pure). */
export function lanesOf({ entries }: Narrative): Lanes {
  const decisions = entries.filter((entry) => entry.kind === 'decision');
  const ofStep = Map.groupBy(decisions, ({ step }) => step);
  const rows = [...ofStep].map(([step, own]) => ({
    service: serviceOf(own),
    step,
    bars: [...barsOf(own), ...parkedBars(entries, step, own)],
    marks: marksOf(entries, step, own),
  }));
  const lanes = Map.groupBy(rows, ({ service }) => service);
  return {
    lanes: [...lanes].map(([service, own]) => ({
      service,
      rows: own.map(({ step, bars, marks }) => ({ step, bars, marks })),
    })),
    arrows: arrowsOf(decisions),
  };
}

/** The consumer of a step; a row that was swept names its database only. */
function serviceOf(own: readonly Decision[]): string {
  const known = own.find(({ consumer }) => consumer !== null);
  return known?.consumer ?? own[0]?.database ?? '';
}

interface Open {
  readonly kind: Bar['kind'];
  readonly from: number;
  readonly texts: readonly string[];
  readonly needsCare: boolean;
}

/** Each decision ends what went on before it, and begins what it says. */
function barsOf(own: readonly Decision[]): readonly Bar[] {
  const bars: Bar[] = [];
  let open: Open | undefined;
  const end = (to: number | undefined, text?: string, failed = false): void => {
    if (open === undefined) return;
    const texts = text === undefined ? open.texts : [...open.texts, text];
    const { kind, from, needsCare } = open;
    bars.push({ kind, from, to, text: texts.join('\n'), needsCare: needsCare || failed });
    open = undefined;
  };
  for (const decision of own) {
    const [at, text] = [Date.parse(decision.at), entryText(decision)];
    const next = begins(decision);
    if (next === undefined) {
      const failed = decision.act === 'emit_failure' || decision.act === 'rejected_by_tombstone';
      if (open === undefined) open = { kind: 'forward', from: at, texts: [], needsCare: false };
      end(at, text, failed);
      continue;
    }
    end(at);
    open = { kind: next, from: at, texts: [text], needsCare: decision.to === 'stuck' };
  }
  end(undefined);
  return bars;
}

/** What goes on after a decision; undefined: the step is decided. */
function begins({ act, trigger, to }: Decision): Bar['kind'] | undefined {
  switch (act) {
    case 'run':
      return 'forward';
    case 'undo':
      return 'undo';
    case 'wait':
      return trigger === 'retry' && to === 'started' ? 'forward' : 'wait';
    case 'emit_success':
    case 'emit_failure':
    case 'emit_undone':
    case 'rejected_by_tombstone':
    case 'closed':
    case 'cancel_refused':
    case 'noop_already':
      return undefined;
  }
}

/** The handler of a step is named after the saga and the step. */
function isOf(handler: string, step: string, own: readonly Decision[]): boolean {
  return handler.replace(/^saga:/, '') === `${own[0]?.saga ?? ''}.${step}`;
}

function parkedBars(
  entries: readonly NarrativeEntry[],
  step: string,
  own: readonly Decision[],
): readonly Bar[] {
  const parked = entries.filter((entry) => entry.kind === 'parked');
  return parked
    .filter(({ handler }) => isOf(handler, step, own))
    .map((entry) => ({
      kind: 'wait',
      from: Date.parse(entry.at),
      text: entryText(entry),
      needsCare: false,
    }));
}

function marksOf(
  entries: readonly NarrativeEntry[],
  step: string,
  own: readonly Decision[],
): readonly Mark[] {
  return entries.flatMap((entry): readonly Mark[] => {
    const at = Date.parse(entry.at);
    if (entry.kind === 'attempt' && entry.failure !== null && isOf(entry.handler, step, own))
      return [{ kind: 'failed', at: at + entry.durationMs, text: entryText(entry) }];
    if (entry.kind !== 'work_attempt' || entry.step !== step) return [];
    if (entry.op === 'operator')
      return [{ kind: 'operator', at, text: `operator ${entry.by}: ${entry.note}` }];
    if (entry.failure === undefined) return [];
    return [{ kind: 'failed', at: at + entry.durationMs, text: entryText(entry) }];
  });
}

/** From the attempt that caused a compensation, or else from the decision whose event did. */
function arrowsOf(decisions: readonly Decision[]): readonly Arrow[] {
  return decisions.flatMap((decision): readonly Arrow[] => {
    const { act, trigger, step, at, causeEvent } = decision;
    if (act !== 'undo' && !(act === 'emit_undone' && trigger === 'undo')) return [];
    const source = decisions.find((one) => one.emittedEvent === causeEvent && one.step !== step);
    const own = decisions.find((one) => one.emittedEvent === causeEvent);
    const from = source ?? own;
    if (from === undefined) return [];
    const text = `${from.step} caused the compensation of ${step}`;
    return [{ from: { step: from.step, at: Date.parse(from.at) }, to: { step, at: Date.parse(at) }, text }];
  });
}
