import { cpus, totalmem } from 'node:os';
import { connect, migrate } from '@converge/postgres';
import { outboxMigrations } from '@converge/outbox';
import { relayMigrations } from '@converge/relay';
import { freshDatabase, withStack } from '@converge/testing';
import { parseArgs } from 'node:util';
import { drain } from './drain.ts';
import { latency } from './latency.ts';
import { summarize } from './statistics.ts';

/** `make bench`: prints a Markdown report of the relay's drain rate and latency on this machine. */
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    events: { type: 'string', default: '200000' },
    rate: { type: 'string', default: '200' },
    seconds: { type: 'string', default: '20' },
  },
});
const rounds = Number(values.rounds);
const say = (line: string): boolean => process.stderr.write(`${line}\n`);

await withStack(async ({ databaseUrl: serverUrl, brokers }) => {
  const drains = [];
  const latencies = [];
  for (let round = 1; round <= rounds; round += 1) {
    const drained = await drain(await source(serverUrl), brokers, Number(values.events));
    drains.push(drained);
    say(
      `round ${round}: drain ${drained.eventsPerSecond.toFixed(0)} events/s, ${drained.cpuMicrosPerEvent.toFixed(1)} µs CPU/event`,
    );
    const late = await latency(await source(serverUrl), brokers, Number(values.rate), Number(values.seconds));
    latencies.push(late);
    say(
      `round ${round}: commit→consumer p50 ${late.p50Ms.toFixed(1)} ms, p99 ${late.p99Ms.toFixed(1)} ms over ${late.events} events`,
    );
  }
  const row = (name: string, sample: number[], digits: number): string => {
    const { min, median, max } = summarize(sample);
    return `| ${name} | ${median.toFixed(digits)} | ${min.toFixed(digits)} | ${max.toFixed(digits)} |`;
  };
  const lines = [
    `Machine: ${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, ${(totalmem() / 2 ** 30).toFixed(0)} GiB; Node ${process.version}; ` +
      `Postgres, Kafka, relay and measuring process share it. ${rounds} rounds.`,
    '',
    '| figure | median | min | max |',
    '|---|---|---|---|',
    row(
      `drain of ${values.events} events of 300 B, events/s`,
      drains.map((d) => d.eventsPerSecond),
      0,
    ),
    row(
      'relay CPU, µs per event',
      drains.map((d) => d.cpuMicrosPerEvent),
      1,
    ),
    row(
      'relay resident memory, MiB',
      drains.map((d) => d.residentMiB),
      0,
    ),
    row(
      `commit→consumer at ${values.rate} tx/s, p50 ms`,
      latencies.map((l) => l.p50Ms),
      1,
    ),
    row(
      `commit→consumer at ${values.rate} tx/s, p99 ms`,
      latencies.map((l) => l.p99Ms),
      1,
    ),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
});

async function source(serverUrl: string): Promise<string> {
  const url = await freshDatabase(serverUrl, 'bench');
  const database = connect({ url, applicationName: 'bench' });
  try {
    await migrate(database, [outboxMigrations, relayMigrations]);
  } finally {
    await database.close();
  }
  return url;
}
