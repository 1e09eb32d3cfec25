import { javaTools } from '@convergekit/testing/engine';
import { AppendTimes } from '../../../checker/append-times.ts';
import { type Check, checkOf } from '../../../checker/check.ts';
import { logClaims } from '../../../checker/log-claims.ts';
import { LogCheck, type Verdict } from '../../../checker/log-check.ts';
import { converge, sourceState } from '../../operator.ts';
import { type Child, type Exit, startAll } from '../../process.ts';
import { kafkaLog } from '../../read-log.ts';
import type { Judged, Load, Look, Part, Run, Span } from '../../types.ts';
import { readLedger, readTakeovers } from './ledger-sql.ts';
import { memoryCheck, memoryTrend, readSamples, type Sample, trendText } from './memory.ts';
import { write } from './transactions.ts';
import type { Source, World } from './world.ts';
import { Writers } from './writers.ts';

/** The time in which a relay that is asked to has to end, in milliseconds. */
const STOP_MS = 20_000;

/** The log of a source, compared with the ledger of its writers. */
interface JudgedLog {
  readonly name: string;
  readonly verdict: Verdict;
  readonly takeovers: number;
  readonly silence: { readonly ms: number; readonly atMs: number };
}

/** Writers at a steady rate as a workload: two sources, three relays, and a ledger of what was committed. */
export class WritersPart implements Part {
  readonly targets: Part['targets'];
  readonly #world: World;
  readonly #run: Run;
  readonly #writers = new Map<Source, Writers>();
  #samples: readonly Sample[] = [];
  #exits: readonly Exit[] = [];

  constructor(world: World, run: Run) {
    this.#world = world;
    this.#run = run;
    const { postgres, kafka, strangersUrl, sources } = world;
    this.targets = {
      postgres,
      kafka,
      strangersUrl,
      processes: this.#relays,
      links: sources.flatMap(({ name, brokerProxy, databaseProxy }) => [
        { name, to: 'broker', proxy: brokerProxy },
        { name, to: 'database', proxy: databaseProxy },
      ]),
      sources: sources.map((source) => ({
        name: source.name,
        database: source.database,
        env: source.env,
        sideTopic: source.sideTopic,
        relays: source.name === 'hunted' ? source.relays : [],
        relax: (relaxed) => {
          const writers = this.#writers.get(source);
          if (writers !== undefined) writers.relaxed = relaxed;
        },
        writeIn: async (tx) => {
          const key = this.#writers.get(source)?.lonelyKey(source.mainTopic, 39) ?? 'cold1';
          await write(tx, [{ topic: source.mainTopic, key, size: 100 }]);
        },
      })),
    };
  }

  get #relays(): readonly Child[] {
    return this.#world.sources.flatMap(({ relays }) => relays);
  }

  start(): Promise<void> {
    return startAll(this.#relays, this.#run.folder);
  }

  async load(load: Load, seeded: (n: number) => () => number, signal: AbortSignal): Promise<void> {
    if (load.kind !== 'rate') throw new Error('writers need a rate and a time');
    for (const [index, source] of this.#world.sources.entries())
      this.#writers.set(source, new Writers(source, load.perSecond, seeded(index), this.#run.clock));
    await Promise.all([...this.#writers.values()].map((one) => one.run(load.seconds, signal)));
  }

  status(): string {
    return [...this.#writers]
      .map(([{ name }, { committed, leftOut }]) => {
        return `${name}: ${committed} transactions${leftOut > 0 ? ` (${leftOut} left out)` : ''}`;
      })
      .join(', ');
  }

  /** Writes an event to each topic; all works again when each is published and no topic is held. */
  live(): () => Promise<string | undefined> {
    const written = new Map<Source, readonly string[]>();
    return async () => {
      for (const source of this.#world.sources) {
        const { database, env, mainTopic, sideTopic, name } = source;
        if (!written.has(source)) {
          const events = [mainTopic, sideTopic].map((topic) => ({ topic, key: 'cold1', size: 20 }));
          written.set(source, await write(database.executor, events));
        }
        const ids = written.get(source) ?? [];
        const list = ['outbox', 'list', '--pending', ...ids.flatMap((id) => ['--id', id])];
        if ((await converge<readonly unknown[]>(list, env)).length > 0)
          return `the last event of ${name} is not published: ${JSON.stringify(await sourceState(env))}`;
        const [held] = (await sourceState(env)).held;
        if (held !== undefined) return `topic ${held.topic} of ${name} is held: ${held.reason}`;
      }
      return undefined;
    };
  }

  async look(): Promise<Look> {
    const states = await Promise.all(this.#world.sources.map(({ env }) => sourceState(env)));
    const open = states.reduce((sum, { backlog, held }) => sum + backlog + held.length, 0);
    return { waitingFor: open === 0 ? undefined : `${open} events are not published`, open, read: 0 };
  }

  /** Stops the relays: what they send at their end is judged, and is no part of the trend of memory. */
  async settle(): Promise<void> {
    if (this.#exits.length > 0) return;
    this.#samples = readSamples(this.#world.memoryFile);
    for (const relay of this.#relays) await relay.stop(STOP_MS);
    this.#exits = this.#relays.flatMap(({ exits }) => exits);
  }

  async judge(span: Span): Promise<Judged> {
    const judged: JudgedLog[] = [];
    for (const source of this.#world.sources) judged.push(await this.#judgeLog(source, span));
    const trend = memoryTrend(this.#samples);
    const writers = [...this.#writers.values()];
    const seconds = (span.endedMs - span.beganMs) / 1_000;
    const sum = (of: (verdict: Verdict) => number): number =>
      judged.reduce((total, { verdict }) => total + of(verdict), 0);
    const rate = (count: number): string => `${count} (${(count / seconds).toFixed(0)}/s)`;
    return {
      checks: [
        ...judged.flatMap(({ name, verdict }) => logClaims(verdict, ` of ${name}`)),
        // One that cannot start, because a server is down, may end.
        endedCheck(this.#relays),
        this.#surprises(),
        ...memoryCheck(trend),
      ],
      figures: [
        ['duration', `${(seconds / 60).toFixed(1)} min`],
        ['transactions', rate(writers.reduce((total, { committed }) => total + committed, 0))],
        ['events', rate(sum(({ committed }) => committed))],
        ['records in the log', String(sum(({ records }) => records))],
        ['takeovers', judged.map(({ name, takeovers }) => `${name} ${takeovers}`).join(', ')],
        ['relay processes ended', String(this.#exits.length)],
        ['duplicates', String(sum(({ duplicates }) => duplicates))],
        [
          'repeats from a takeover’s cursor / of a batch without an answer',
          `${sum((v) => v.takeoverRepeats)} / ${sum((v) => v.resends)}`,
        ],
        ['longest repeat', `${Math.max(...judged.map(({ verdict }) => verdict.longestRepeat))} events`],
        ...judged.map(({ name, silence }) => {
          const at = ((silence.atMs - span.beganMs) / 1_000).toFixed(0);
          return [
            `longest stall of the log of ${name}`,
            `${(silence.ms / 1_000).toFixed(1)} s, at ${at} s`,
          ] as const;
        }),
        ['live memory of the steady relay', trendText(trend)],
      ],
      evidence: judged.map(({ name, verdict }) => ({ name, verdict })),
    };
  }

  async #judgeLog(
    { name, database, mainTopic, sideTopic }: Source,
    { beganMs, endedMs }: Span,
  ): Promise<JudgedLog> {
    const takeovers = await readTakeovers(database);
    const check = new LogCheck(takeovers);
    await readLedger(database, (row) => check.row(row));
    const times = new AppendTimes(beganMs, endedMs);
    await kafkaLog(javaTools(this.#world.kafka.address))(
      [mainTopic, sideTopic],
      (record) => {
        times.add(record.appendedAtMs);
        check.record(record);
      },
      this.#run.signal,
    );
    // The first takeover is a start.
    const counted = Math.max(0, takeovers.length - 1);
    return { name, verdict: check.verdict(), takeovers: counted, silence: times.longestSilence() };
  }

  #surprises(): Check {
    const all = [...this.#writers].flatMap(([{ name }, { surprises }]) =>
      surprises.map((surprise) => `a writer of ${name} was refused: ${surprise}`),
    );
    return checkOf('no writer was refused but by a server that stops, starts or resolves a deadlock', 1, all);
  }
}

export function endedCheck(
  relays: readonly { readonly spec: { readonly name: string }; readonly exits: readonly Exit[] }[],
): Check {
  const findings = relays.flatMap(({ spec, exits }) =>
    exits
      .filter(({ expected, hadRun }) => !expected && hadRun)
      .map(
        ({ pid, code, signal }) => `${spec.name} (pid ${pid}) ended by itself with ${code ?? signal ?? '?'}`,
      ),
  );
  return checkOf('no relay that worked ended by itself', relays.length, findings);
}
