import { sendJson } from '../../../programs.ts';
import { isLocal, withAdmin } from '../../measure/open-log.ts';
import { dropDatabase, openClient, PARTITIONS, withClient } from '../../sides/side.ts';
import { type Order, type ServiceName, services } from '../order.ts';
import type { Layout, OpenSide, SagaPlace, SideProcess } from './side.ts';
import { freshDatabase } from '@convergekit/testing';
import { BUSINESS_TABLES, type Owner } from '../business-sql.ts';

/** Databases by the name of the service. In layout A all names have the same URL. */
export type Urls = Readonly<Record<ServiceName, string>>;

/**
 * Makes one database for all services (layout A), or one for each (layout B), with the business tables. The clean-up of the
 * run drops those that a side which did not open has left.
 */
export async function makeDatabases({ serverUrl, cleanup }: SagaPlace, layout: Layout): Promise<Urls> {
  const urls: Partial<Record<ServiceName, string>> = {};
  cleanup.add(() => dropDatabases(serverUrl, urls));
  const common = layout === 'A' ? await freshDatabase(serverUrl, 'bench_saga') : undefined;
  for (const name of services) urls[name] = common ?? (await freshDatabase(serverUrl, `bench_saga_${name}`));
  // Every name has got its URL in the loop.
  const made = urls as Urls;
  for (const [owner, table] of Object.entries(BUSINESS_TABLES))
    await withClient(made[owner as Owner], (client) => client.query(table));
  return made;
}

async function dropDatabases(serverUrl: string, urls: Partial<Urls>): Promise<void> {
  for (const url of new Set(Object.values(urls))) await dropDatabase(serverUrl, url);
}

export interface Opening {
  readonly layout: Layout;
  /** The processes of the services, in their order: one in layout A. The kill drill ends the one of the payments. */
  readonly workers: readonly SideProcess[];
  /** A process beside them. @default none */
  readonly server?: SideProcess;
  readonly urls: Urls;
  /** The URL to which orders are posted: under their id as `Idempotency-Key`, unless each has its own. */
  readonly orders: string | ((order: Order) => string);
  /** Topics that are made before the start, and the address of their log. @default none */
  readonly topics?: { readonly at: string; readonly names: readonly string[] };
  /** Called when all processes run. @default nothing */
  readonly onStarted?: () => Promise<void>;
  /** Called when all processes have ended. @default nothing */
  readonly onStopped?: () => void;
}

/** Starts the processes of a side; what was started is removed with the side, or by the clean-up of the run. */
export async function openSide({ serverUrl, cleanup }: SagaPlace, opening: Opening): Promise<OpenSide> {
  const { layout, workers, server, urls, orders, topics, onStarted, onStopped } = opening;
  cleanup.throwIfClosed();
  const worker = workers[layout === 'A' ? 0 : services.indexOf('payments')];
  if (worker === undefined) throw new Error('the process to kill is none of the processes');
  const processes = [...(server === undefined ? [] : [server]), ...workers];
  const remove = cleanup.add(async () => {
    await Promise.all(processes.map((one) => one.stop()));
    await dropDatabases(serverUrl, urls);
    // A local log has ended with its database.
    if (topics !== undefined && !isLocal(topics.at))
      await withAdmin(topics.at, async (admin) => {
        for (const name of topics.names) await admin.deleteTopic(name);
      });
    onStopped?.();
  });
  try {
    if (topics !== undefined)
      await withAdmin(topics.at, async (admin) => {
        for (const name of topics.names) await admin.createTopic({ name, partitions: PARTITIONS });
      });
    await Promise.all(processes.map((one) => one.start()));
    await onStarted?.();
  } catch (error) {
    await remove();
    throw error;
  }
  return {
    processes,
    worker,
    remove,
    place: (order) => place(orders, order),
    connect: (owner) => openClient(urls[owner]),
  };
}

/** Places an order. Any answer but 2xx rejects. */
async function place(at: Opening['orders'], order: Order): Promise<void> {
  const signal = AbortSignal.timeout(60_000);
  if (typeof at !== 'string') await sendJson(at(order), order, { signal });
  else await sendJson(at, order, { signal, headers: { 'idempotency-key': order.orderId } });
}
