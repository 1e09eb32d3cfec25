import { systemClock } from '@convergekit/core';
import { waitUntil } from '@convergekit/testing';
import type { Case, CaseResult } from '../case.ts';
import { withSource } from '../measure/drain-once.ts';
import { writeAtRate } from '../measure/load.ts';
import { median } from '../measure/statistics.ts';
import { table } from '../report/markdown.ts';
import { type Source, withClient } from '../sides/side.ts';

const RATE = 50;
/** The lease's default: a leader that vanished blocks the others for so long. */
const LEASE_MS = 5_000;

interface Takeover {
  readonly seconds: number;
  readonly written: number;
  readonly records: number;
}

/** The time in which nothing is sent after the leader is killed. */
export const takeoverCase: Case = {
  name: 'takeover',
  title: 'Takeover after SIGKILL of the leader',
  async run(world) {
    const rounds: Takeover[] = [];
    for (let round = 1; round <= Math.min(3, world.settings.rounds); round += 1) {
      const measured = await withSource(world, world.sides.ours[0], (source) => takeover(source, round));
      rounds.push(measured);
      world.say(`takeover, round ${round}: ${measured.seconds.toFixed(1)} s`);
    }
    return resultOf(rounds);
  },
};

async function takeover(source: Source, round: number): Promise<Takeover> {
  const first = source.start();
  const writing = new AbortController();
  const written = writeAtRate(source, {
    ratePerSecond: RATE,
    events: 1_000_000,
    keyPrefix: `takeover-${round}`,
    signal: writing.signal,
  });
  try {
    await source.log.watch(10, { deadlineMs: 30_000 });
    const alone = await sessions(source.databaseUrl);
    source.start();
    await waitUntil(async () => (await sessions(source.databaseUrl)) > alone, {
      deadlineMs: 30_000,
      what: 'the standby to be connected',
    });
    await systemClock.sleep(LEASE_MS / 2); // the second relay stands by; its compilers have warmed up
    await first.kill();
    const killedMs = systemClock.monotonic();
    await systemClock.sleep(300); // what was in flight arrives
    const before = await source.log.count();
    const samples = await source.log.watch(before + 1, { deadlineMs: 60_000 });
    const seconds = ((samples.at(-1)?.atMs ?? Number.NaN) - killedMs) / 1000;
    writing.abort();
    return { seconds, ...(await accounted(source, (await written).size)) };
  } finally {
    writing.abort();
    await written.catch(() => undefined);
  }
}

/** Everything that was committed must come, if some of it twice. */
async function accounted(source: Source, written: number): Promise<{ written: number; records: number }> {
  await source.log.watch(written, { deadlineMs: 30_000 });
  await waitUntil(async () => (await source.log.content()).distinct === written, {
    deadlineMs: 30_000,
    what: `all of the ${written} events in the topic`,
  });
  return { written, records: await source.log.count() };
}

function sessions(databaseUrl: string): Promise<number> {
  return withClient(databaseUrl, async (client) => {
    const { rows } = await client.query<{ count: number }>(
      `select count(*)::int as count from pg_stat_activity
        where datname = current_database() and application_name like 'converge-relay%'`,
    );
    return rows[0]?.count ?? 0;
  });
}

function resultOf(rounds: readonly Takeover[]): CaseResult {
  const seconds = rounds.map((round) => round.seconds);
  const rows = rounds.map((round, index) => [
    String(index + 1),
    round.seconds.toFixed(2),
    String(round.written),
    String(round.records - round.written),
  ]);
  return {
    figures: [
      {
        name: `takeover after SIGKILL of the leader, longest of ${rounds.length}`,
        bar: { kind: 'below', limit: 10, unit: 's' },
        ours: { value: Math.max(...seconds), unit: 's', digits: 1 },
        note: `median ${median(seconds).toFixed(1)} s`,
      },
    ],
    rounds: table(['round', 'seconds without an event', 'events written, all found', 'sent twice'], rows),
  };
}
