import { systemClock } from '@convergekit/core';
import { waitUntil } from '@convergekit/testing';
import { type CampaignOptions, runCampaign } from './campaign.ts';
import { type Judgement, judge } from './judge.ts';
import { memoryTrend, readSamples } from './memory.ts';
import { report, type Report } from './report.ts';
import { buildWorld, type World } from './world.ts';

export interface SoakOptions extends Omit<CampaignOptions, 'world'> {
  readonly folder: string;
  /** The command that repeats this run. */
  readonly command: string;
  /** Empty: the relay's default. */
  readonly driver: string;
  /** True to keep the servers up until the signal after a finding. */
  readonly hold: boolean;
}

const STOP_MS = 20_000;

/** Everything from nothing to nothing: what was started is gone when this resolves or rejects. */
export async function soak(options: SoakOptions): Promise<Report> {
  const { folder, progress, signal } = options;
  const undo: (() => Promise<unknown>)[] = [];
  try {
    const world = await buildWorld(
      folder,
      relaySettings(options),
      (line) => progress.note(line),
      (one) => undo.push(one),
    );
    signal.throwIfAborted();
    const result = await onWorld(world, options);
    if (!result.passed && options.hold) await hold(world, result, options);
    return result;
  } finally {
    for (const one of undo.reverse())
      await one().catch((error: unknown) => progress.note(`while stopping: ${String(error)}`));
  }
}

/** Retention is set so short that old events leave the outbox all through the run. */
function relaySettings({ driver }: SoakOptions): Readonly<Record<string, string>> {
  return {
    LOG_LEVEL: 'info',
    CONVERGE__RELAY__RETAIN_MS: '60000',
    CONVERGE__RELAY__CHILD_EVENTS: '20000',
    ...(driver === '' ? {} : { CONVERGE__KAFKA__DRIVER: driver }),
  };
}

async function hold({ sources, kafka }: World, { markdown }: Report, options: SoakOptions): Promise<void> {
  const { progress, signal } = options;
  progress.note(markdown);
  for (const { name, url } of sources) progress.note(`${name}: ${url}`);
  progress.note(`Kafka: ${kafka.address}; Ctrl-C ends it all`);
  await systemClock.sleep(2_147_483_647, signal);
}

async function onWorld(world: World, options: SoakOptions): Promise<Report> {
  const { folder, progress, signal, history, seed, command } = options;
  await startRelays(world, signal);
  progress.note(`two sources, three relays; their logs and the history of faults go to ${folder}/`);
  history.note('begin', { seed, minutes: options.minutes, rate: options.rate });
  const result = await runCampaign({ ...options, world });
  // Read before the relay drains: what it sends at its end is no part of the trend.
  const memory = readSamples(world.memoryFile);
  signal.throwIfAborted();
  for (const relay of world.sources.flatMap(({ relays }) => relays)) {
    const exit = await relay.end(STOP_MS);
    if (exit !== undefined && exit.code !== 0)
      progress.note(`${relay.name} ended with ${exit.code ?? exit.signal ?? '?'} at the end`);
  }
  const judgements: Judgement[] = [];
  for (const source of world.sources) {
    progress.note(`reading the ledger and the log of ${source.name}`);
    judgements.push(await judge(world, source, result, signal));
  }
  history.note('end', { verdicts: judgements });
  return report({
    seed,
    command,
    world,
    result,
    judgements,
    memory: memoryTrend(memory),
  });
}

async function startRelays({ sources, folder }: World, signal: AbortSignal): Promise<void> {
  const relays = sources.flatMap((source) => source.relays);
  for (const relay of relays) relay.start();
  await waitUntil(() => signal.aborted || relays.every(({ running }) => running), {
    what: `${relays.map(({ name }) => name).join(', ')} to run; their logs in ${folder} say why not`,
    deadlineMs: 60_000,
  });
}
