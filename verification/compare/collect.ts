import type { Effect } from './director.ts';
import type { Recorded } from './program/desk.ts';
import { headerOf, withoutRepeats } from './records.ts';
import { CONSUMERS, type ServiceName, SERVICES, type Side } from './side.ts';

/** What users and operators see of a side when all is quiet, as it was printed. */
export interface Seen {
  /** The rows of the business tables, by table. */
  readonly rows: Readonly<Record<string, readonly object[]>>;
  readonly log: readonly Recorded[];
  readonly ledger: readonly Effect[];
  readonly strays: readonly string[];
  /** What commands print, by what they are about. */
  readonly texts: readonly { readonly about: string; readonly kind: string; readonly text: string }[];
}

const TABLES: Readonly<Record<ServiceName, readonly string[]>> = {
  orders: ['orders', 'notes'],
  payments: ['receipts', 'files', 'points', 'stamps'],
  delivery: ['reserved', 'parcels', 'boxes', 'copies'],
};
const TOPICS = ['orders', 'stock', 'money', 'labels', 'parcels', 'files', 'stamps', 'notes'];
/** The events whose histories are read, of the last part and of a sample of the others: they are handled by more than a step. */
const HISTORIES = ['customer.noted', 'parcel.shipped', 'order.filed'];
const SAMPLE = /^c-|-[1-4]$/;

export async function collect(side: Side): Promise<Seen> {
  const rows: Record<string, readonly object[]> = {};
  for (const name of SERVICES)
    for (const table of TABLES[name])
      rows[table] = await side.rows(name, `select * from ${table} order by 1`);
  const failures = CONSUMERS.map((consumer) => `${consumer}.failures`);
  const log = await side.readLog([...TOPICS, ...failures]);
  const { ledger, strays } = side.director;
  return { rows, log, ledger, strays, texts: await readTexts(side, log) };
}

async function readTexts(side: Side, log: readonly Recorded[]): Promise<Seen['texts']> {
  const texts: Seen['texts'][number][] = [];
  const read = async (kind: string, about: string, name: ServiceName, ...args: readonly string[]) =>
    texts.push({ kind, about, text: await side.text(name, args) });
  const others = SERVICES.slice(1).flatMap((name) => ['--database', side.databases[name]]);
  for (const record of withoutRepeats(log)) {
    const [{ key }, id, type] = [record, headerOf(record, 'ce_id'), headerOf(record, 'ce_type')];
    if (type === 'order.placed') await read('narrative', key, 'orders', 'saga', 'narrative', id, ...others);
    if (HISTORIES.includes(type) && SAMPLE.test(key))
      await read(`history of ${type}`, key, 'orders', 'event', 'history', id, ...others);
  }
  for (const [about, text] of side.answers) texts.push({ kind: 'answers', about, text });
  await read('sagas', 'all', 'orders', 'saga', 'list', '--limit', '1000');
  const { code, stdout } = await side.tryCommand('orders', ['saga', 'verify', ...others]);
  texts.push({ kind: 'verify', about: 'all', text: `${stdout}\nexits with ${code}` });
  for (const name of SERVICES) {
    await read('parked', name, name, 'parked', 'list', '--limit', '1000');
    await read('audit', name, name, 'audit', '--limit', '1000');
  }
  const states = ['completed', 'compensated', 'stuck'].flatMap((state) => ['--state', state]);
  const list = ['workflow', 'list', '--limit', '1000', ...states];
  for (const { workflow, id, state } of (await side.command('delivery', list)) as {
    workflow: string;
    id: string;
    state: string;
  }[]) {
    texts.push({ kind: 'workflows', about: id, text: `${workflow}: ${state}` });
    if (SAMPLE.test(id)) await read('workflow', id, 'delivery', 'workflow', 'show', workflow, id);
  }
  for (const kind of ['history', 'audit'])
    await read(`reconcile ${kind}`, 'copies', 'delivery', 'reconcile', kind, 'copies');
  return texts;
}
