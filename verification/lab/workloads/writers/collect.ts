import type { Database } from '@convergekit/postgres';
import type { LedgerRow, Takeover } from '../../../checker/facts.ts';

const PAGE = 20_000;

/** Reads where the leaders began, as a trigger noted it; empty where it could not. */
export async function readTakeovers({ executor }: Pick<Database, 'executor'>): Promise<readonly Takeover[]> {
  const { rows } = await executor.query<{ term: string; at: string; cursors: Takeover['cursors'] }>(
    `select term::text, extract(epoch from at) * 1000 as at, cursors from soak.takeover order by at`,
  );
  return rows.map(({ term, at, cursors }) => ({ term: Number(term), atMs: Number(at), cursors }));
}

/** Reads the ledger by pages along the primary key, so that rows of a key are adjacent. */
export async function readLedger(
  { executor }: Pick<Database, 'executor'>,
  onRow: (row: LedgerRow) => void,
): Promise<void> {
  const text = `
    select topic, key, n, event_id::text as "eventId", crc::float8 as crc from soak.ledger
     where (topic, key, n) > ($1, $2, $3::int) order by topic, key, n limit ${PAGE}`;
  let after: LedgerRow | undefined;
  for (;;) {
    const from = [after?.topic ?? '', after?.key ?? '', after?.n ?? 0];
    const { rows } = await executor.query<LedgerRow & Record<string, unknown>>(text, from);
    for (const row of rows) onRow(row);
    after = rows.at(-1) ?? after;
    if (rows.length < PAGE) return;
  }
}
