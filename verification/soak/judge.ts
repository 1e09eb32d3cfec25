import { javaTools } from '@convergekit/testing/engine';
import { AppendTimes } from '../checker/append-times.ts';
import type { LedgerRow, Takeover, Verdict } from '../checker/facts.ts';
import { LogCheck } from '../checker/log-check.ts';
import { countRecords } from '../demo/collect/topic-dump.ts';
import { dumpTopic } from './dump.ts';
import type { Source, World } from './world.ts';

const PAGE = 20_000;

export interface Judgement {
  readonly source: string;
  readonly verdict: Verdict;
  readonly takeovers: number;
  /** Events that had left the outbox by retention when the run ended. */
  readonly retired: number;
  /** The longest time in which nothing came into the log while the writers were at work. */
  readonly silence: { readonly ms: number; readonly atMs: number };
}

export interface Span {
  readonly beganMs: number;
  readonly endedMs: number;
}

/** Compares the log of a source with the ledger of its writers. */
export async function judge(
  world: World,
  source: Source,
  span: Span,
  signal: AbortSignal,
): Promise<Judgement> {
  const takeovers = await readTakeovers(source);
  const check = new LogCheck(takeovers);
  await readLedger(source, (row) => check.row(row));
  const tools = javaTools(world.kafka.address);
  const counts = await countRecords(tools, signal);
  const times = new AppendTimes(span.beganMs, span.endedMs);
  for (const topic of [source.mainTopic, source.sideTopic])
    await dumpTopic(
      tools,
      topic,
      counts.get(topic) ?? 0,
      (record) => {
        times.add(record.appendedAtMs);
        check.record(record);
      },
      signal,
    );
  const verdict = check.verdict();
  return {
    source: source.name,
    verdict,
    retired: verdict.committed - (await countOutbox(source)),
    // The first one is a start.
    takeovers: Math.max(0, takeovers.length - 1),
    silence: times.longestSilence(),
  };
}

async function countOutbox({ database }: Source): Promise<number> {
  const { rows } = await database.executor.query<{ n: string }>(
    'select count(*)::text as n from converge.outbox',
  );
  return Number(rows[0]?.n);
}

async function readTakeovers({ database }: Source): Promise<readonly Takeover[]> {
  const { rows } = await database.executor.query<{
    term: string;
    at: string;
    cursors: Takeover['cursors'];
  }>(`select term::text, extract(epoch from at) * 1000 as at, cursors from soak.takeover order by at`);
  return rows.map(({ term, at, cursors }) => ({ term: Number(term), atMs: Number(at), cursors }));
}

/** Reads the ledger by pages along the primary key, so that rows of a key are adjacent. */
async function readLedger({ database }: Source, onRow: (row: LedgerRow) => void): Promise<void> {
  let after: LedgerRow | undefined;
  for (;;) {
    const { rows } = await database.executor.query<{
      topic: string;
      key: string;
      n: number;
      event_id: string;
      crc: string;
    }>(
      `select topic, key, n, event_id::text, crc::text from soak.ledger
        where (topic, key, n) > ($1, $2, $3::int) order by topic, key, n limit ${PAGE}`,
      [after?.topic ?? '', after?.key ?? '', after?.n ?? 0],
    );
    for (const { topic, key, n, event_id: eventId, crc } of rows) {
      after = { topic, key, n, eventId, crc: Number(crc) };
      onRow(after);
    }
    if (rows.length < PAGE) return;
  }
}
