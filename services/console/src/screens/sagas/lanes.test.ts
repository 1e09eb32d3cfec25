import type { Narrative, NarrativeEntry } from '@convergekit/operate';
import { expect, it } from 'vitest';
import { lanesOf } from './lanes.ts';
import { lanesSvg } from './lanes-svg.ts';
import { axisOf } from './time-axis.ts';

type Decision = Extract<NarrativeEntry, { kind: 'decision' }>;
const START = Date.UTC(2026, 0, 1);
const at = (ms: number): string => new Date(START + ms).toISOString();

const BEGUN = {
  kind: 'decision',
  database: 'shop',
  saga: 'order',
  version: 1,
  instance: 'i',
  seq: 1,
  op: 'apply',
  trigger: 'begin',
  from: 'absent',
  to: 'started',
  act: 'run',
  outcome: null,
  plan: null,
  causeEvent: 'none',
  causeAttempt: null,
  emittedEvent: null,
  actor: null,
  note: null,
  seal: null,
  sealed: true,
  emits: undefined,
  because: { event: undefined, attempt: undefined },
} as const;

/** A decision of a step, `ms` after the start. */
function decision(ms: number, step: string, some: Partial<Decision>): Decision {
  return { ...BEGUN, at: at(ms), step, consumer: `${step}-service`, ...some };
}

const narrative = (entries: readonly NarrativeEntry[]): Narrative => ({
  saga: 'order',
  version: 1,
  instance: 'i',
  key: 'k',
  state: 'compensated',
  reason: undefined,
  steps: [],
  entries,
  waiting: [],
  readFrom: [],
  notGiven: [],
});

/** Pay is taken; ship waits for its outcome, then is refused; pay is undone because of it. */
const refused = narrative([
  decision(0, 'pay', {}),
  decision(100, 'pay', { trigger: 'applied', act: 'emit_success', to: 'applied', emittedEvent: 'taken' }),
  decision(200, 'ship', { causeEvent: 'taken' }),
  decision(300, 'ship', { trigger: 'unknown', act: 'wait', to: 'unknown' }),
  decision(900_000, 'ship', { trigger: 'stuck', act: 'wait', to: 'stuck' }),
  {
    kind: 'work_attempt',
    database: 'shop',
    step: 'ship',
    of: 'resolve',
    number: 1,
    at: at(950_000),
    op: 'operator',
    did: 'resolve',
    by: 'ada',
    note: 'no parcel left the house',
  },
  decision(960_000, 'ship', {
    trigger: 'rejected',
    act: 'emit_failure',
    to: 'rejected',
    emittedEvent: 'refused',
  }),
  decision(960_100, 'pay', {
    op: 'compensate',
    trigger: 'undo',
    act: 'undo',
    to: 'undo_pending',
    causeEvent: 'refused',
  }),
  decision(960_900, 'pay', { op: 'compensate', trigger: 'undone', act: 'emit_undone', to: 'undone' }),
]);

it('the lanes of a saga show forward, waiting and undo in the row of each step, and what waits for an operator', () => {
  const { lanes } = lanesOf(refused);
  expect(lanes.map(({ service }) => service)).toEqual(['pay-service', 'ship-service']);
  const bars = (index: number) =>
    lanes[index]?.rows[0]?.bars.map(({ kind, from, to, needsCare }) => [
      kind,
      from - START,
      (to ?? Number.NaN) - START,
      needsCare,
    ]);
  expect(bars(0)).toEqual([
    ['forward', 0, 100, false],
    ['undo', 960_100, 960_900, false],
  ]);
  expect(bars(1)).toEqual([
    ['forward', 200, 300, false],
    ['wait', 300, 900_000, false],
    ['wait', 900_000, 960_000, true],
  ]);
  expect(lanes[1]?.rows[0]?.marks).toEqual([
    { kind: 'operator', at: START + 950_000, text: 'operator ada: no parcel left the house' },
  ]);
});

// Planted fault: a cause that is looked up among the events of the undone step itself gives no arrow.
it('an arrow leads from the step that failed to the compensation that it caused', () => {
  expect(lanesOf(refused).arrows).toEqual([
    {
      from: { step: 'ship', at: START + 960_000 },
      to: { step: 'pay', at: START + 960_100 },
      text: 'ship caused the compensation of pay',
    },
  ]);
});

it('a step that has not ended goes on to the present', () => {
  const { lanes } = lanesOf(narrative([decision(0, 'pay', {})]));
  expect(lanes[0]?.rows[0]?.bars).toMatchObject([{ kind: 'forward', from: START, to: undefined }]);
});

// Planted fault: a text that is put in without `html` closes the title.
it('the picture escapes what events and errors say', async () => {
  const evil = narrative([decision(0, '</title><script>alert(1)</script>', {})]);
  const svg = String(await lanesSvg(lanesOf(evil), START + 1_000));
  expect(svg).not.toContain('<script>');
  expect(svg).toContain('&lt;script&gt;');
});

it('the axis keeps the order of moments, shows a millisecond beside an hour, and labels true times', () => {
  const axis = axisOf([0, 1, 3_600_000], { from: 100, width: 400 });
  const [start, soon, late] = [axis.x(0), axis.x(1), axis.x(3_600_000)];
  expect([start, late]).toEqual([100, 500]);
  expect(soon - start).toBeGreaterThan(15);
  expect(late).toBeGreaterThan(soon);
  expect(axis.ticks.map(({ text }) => text)).toEqual(['start', '+1 h']);
});
