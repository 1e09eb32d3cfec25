import { cpus, release, totalmem } from 'node:os';
import type { World } from '../case.ts';
import { commit, firstLineOf } from '../../programs.ts';
import { withClient } from '../sides/side.ts';

/** Machine, versions and settings of this run, as Markdown. */
export async function circumstances({ stack, settings, sides }: World): Promise<string> {
  const postgres = await withClient(stack.databaseUrl, async (client) => {
    const { rows } = await client.query<{ text: string }>(
      `select string_agg(name || ' ' || current_setting(name), ', ' order by name) as text from pg_settings
        where name in ('server_version', 'fsync', 'synchronous_commit', 'shared_buffers', 'max_wal_size', 'checkpoint_timeout', 'wal_level')`,
    );
    return rows[0]?.text ?? '';
  });
  const driverNames = sides.ours.map(({ name }) => name).join(', ');
  return [
    `Machine: ${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown'}, ${(totalmem() / 2 ** 30).toFixed(0)} GiB, ${process.platform} ${release()}. Postgres, Kafka, the side that is`,
    'measured and the measuring process share it; nothing else runs.',
    '',
    `Versions: commit ${commit()}; Node ${process.version}; Postgres (${postgres}); Kafka ${stack.chose === 'given' ? 'as given' : '4.3.1, one broker, 512 MiB of heap'};`,
    `${firstLineOf('java', ['--version']) ?? 'no Java'}; Debezium 3.6.3.Final on Kafka Connect 4.3.1 (heap 256 MiB to 2 GiB, G1, as its scripts set it); pg-transactional-outbox 0.5.7.`,
    '',
    `Sides of our own: ${driverNames}, every setting default. Rounds: ${settings.rounds}, of the latency comparison ${settings.tailRounds}; medians.`,
    ...(settings.quick ? ['', '**Measured with --quick: the figures mean little.**'] : []),
  ].join('\n');
}
