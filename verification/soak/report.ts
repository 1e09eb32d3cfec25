import { anomalyKinds, type Verdict } from '../checker/facts.ts';
import type { CampaignResult } from './campaign.ts';
import type { Judgement } from './judge.ts';
import type { MemoryTrend } from './memory.ts';
import type { World } from './world.ts';

/** Growth of the steady relay above this fails the run. */
const MEMORY_BAR = 1;
/** The minimum time for a slope of memory, in minutes: a shorter one says more about the garbage collector. */
const MEMORY_MINUTES = 10;

export interface Report {
  readonly passed: boolean;
  readonly markdown: string;
}

export interface ReportInput {
  readonly seed: number;
  readonly command: string;
  readonly world: World;
  readonly result: CampaignResult;
  readonly judgements: readonly Judgement[];
  readonly memory: MemoryTrend | undefined;
}

export function report(input: ReportInput): Report {
  const { result, judgements, memory, command } = input;
  const failures = [
    ...result.failures,
    ...anomalies(judgements),
    ...processFailures(input),
    ...surprises(input),
  ];
  if (memory !== undefined && memory.overMinutes >= MEMORY_MINUTES && memory.megabytesPerMinute >= MEMORY_BAR)
    failures.push(
      `the live memory of the steady relay grows by ${memory.megabytesPerMinute.toFixed(2)} MB a minute; the bar is ${MEMORY_BAR}`,
    );
  if (judgements.some(({ verdict }) => verdict.events === 0)) failures.push('a log is empty');
  const lines = [
    '| figure | value |',
    '|---|---|',
    ...figures(input).map(([name, value]) => `| ${name} | ${value} |`),
    '',
    '| fault | times | slowest recovery |',
    '|---|---|---|',
    ...faultRows(result),
    '',
    failures.length === 0 ? 'Passed.' : 'FAILED:',
    ...failures.map((failure) => `- ${failure}`),
    '',
    `Again: \`${command}\``,
    '',
  ];
  return { passed: failures.length === 0, markdown: lines.join('\n') };
}

function figures({ seed, result, judgements, memory, world }: ReportInput): [string, string][] {
  const seconds = (result.endedMs - result.beganMs) / 1_000;
  const sum = (of: (verdict: Verdict) => number): number =>
    judgements.reduce((total, { verdict }) => total + of(verdict), 0);
  const committed = [...result.writers.values()].flatMap((writers) => Object.values(writers.committed));
  const transactions = committed.reduce((total, count) => total + count, 0);
  const silence = judgements.toSorted((a, b) => b.silence.ms - a.silence.ms)[0];
  const slowest = result.recoveries.toSorted((a, b) => b.ms - a.ms)[0];
  const exits = world.sources.flatMap(({ relays }) => relays.flatMap((relay) => relay.exits));
  return [
    ['seed', String(seed)],
    ['duration', `${(seconds / 60).toFixed(1)} min`],
    ['transactions', `${transactions} (${(transactions / seconds).toFixed(0)}/s)`],
    ['events', `${sum((v) => v.committed)} (${(sum((v) => v.committed) / seconds).toFixed(0)}/s)`],
    ['records in the log', String(sum((v) => v.records))],
    ['faults', String([...result.faults.values()].reduce((total, count) => total + count, 0))],
    ['takeovers', judgements.map(({ source, takeovers }) => `${source} ${takeovers}`).join(', ')],
    ['relay processes ended', String(exits.length)],
    ...anomalyKinds.map((kind): [string, string] => [nameOf[kind], String(sum((v) => v.counts[kind]))]),
    ['duplicates', String(sum((v) => v.duplicates))],
    ['repeats from a takeover’s cursor / of a batch without an answer', `${sum((v) => v.takeoverRepeats)} / ${sum((v) => v.resends)}`],
    ['events that left the outbox by retention', judgements.map(({ retired }) => retired).join(' + ')],
    ['longest repeat', `${Math.max(...judgements.map(({ verdict }) => verdict.longestRepeat))} events`],
    ['longest stall of a log', silence === undefined ? '–' : `${(silence.silence.ms / 1_000).toFixed(1)} s (${silence.source}, at ${((silence.silence.atMs - result.beganMs) / 1_000).toFixed(0)} s)`],
    ['slowest recovery', slowest === undefined ? '–' : `${(slowest.ms / 1_000).toFixed(1)} s (${slowest.kind})`],
    ['live memory of the steady relay', memory === undefined ? 'too few samples' : `${memory.megabytesPerMinute >= 0 ? '+' : ''}${memory.megabytesPerMinute.toFixed(2)} MB/min over the last ${memory.overMinutes.toFixed(1)} min (${memory.first.toFixed(0)} → ${memory.last.toFixed(0)} MB after a collection; resident at most ${memory.highest.toFixed(0)} MB)${memory.overMinutes < MEMORY_MINUTES ? '; too short to judge' : ''}`],
  ]; // prettier-ignore
}

const nameOf: Readonly<Record<(typeof anomalyKinds)[number], string>> = {
  lost: 'lost',
  phantom: 'phantoms',
  order: 'order violations',
  chain: 'chain breaks',
  position: 'positions that go back',
  repeat_changed: 'changed repeats',
  repeat_unexplained: 'repeats that no cursor explains',
  content: 'changed payloads',
  misplaced: 'keys in two partitions',
  unreadable: 'unreadable records',
  ledger: 'holes in the ledger',
};

function faultRows({ faults, recoveries }: CampaignResult): string[] {
  return [...faults]
    .toSorted(([a], [b]) => a.localeCompare(b))
    .map(([kind, times]) => {
      const after = recoveries.filter((recovery) => recovery.kind === kind).map(({ ms }) => ms);
      const slowest = after.length === 0 ? '–' : `${(Math.max(...after) / 1_000).toFixed(1)} s`;
      return `| ${kind} | ${times} | ${slowest} |`;
    });
}

function anomalies(judgements: readonly Judgement[]): string[] {
  return judgements.flatMap(({ source, verdict }) =>
    verdict.anomalies.map(({ kind, witness }) => `${source}: ${kind} (${verdict.counts[kind]}): ${witness}`),
  );
}

/** A relay that was at work and ended without being asked to. One that cannot start, because a server is down, may end. */
function processFailures({ world }: ReportInput): string[] {
  return world.sources.flatMap(({ relays }) =>
    relays.flatMap(({ name, exits }) =>
      exits
        .filter(({ expected, hadRun }) => !expected && hadRun)
        .map(({ pid, code, signal }) => `${name} (pid ${pid}) ended by itself with ${code ?? signal ?? '?'}`),
    ),
  );
}

function surprises({ result }: ReportInput): string[] {
  return [...result.writers].flatMap(([source, writers]) =>
    writers.surprises.map((surprise) => `a writer of ${source.name} was refused: ${surprise}`),
  );
}
