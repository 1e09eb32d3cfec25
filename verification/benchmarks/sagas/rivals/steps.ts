import { Pool } from 'pg';
import { sendJson } from '../../../programs.ts';
import { ALLOCATE, END, RELEASE, RESERVE } from '../business-sql.ts';
import { expectedOutcome, type Order, type Outcome, type ServiceName } from '../order.ts';
import { providerAt } from '../stub/provider.ts';

/** The steps of the order and their compensations. Each may be repeated: it takes effect once. */
export interface Steps {
  readonly reserve: (order: Order) => Promise<null>;
  readonly release: (order: Order) => Promise<null>;
  readonly charge: (order: Order) => Promise<null>;
  readonly refund: (order: Order) => Promise<null>;
  /** Returns false when the warehouse refuses the order. */
  readonly allocate: (order: Order) => Promise<boolean>;
  readonly end: (order: Order, outcome: Outcome) => Promise<null>;
}

/** Connections of a service, as many as `pg` opens by default. */
function poolOf(databaseUrl: string): Pool {
  const pool = new Pool({ connectionString: databaseUrl });
  pool.on('error', () => undefined);
  return pool;
}

/** The steps in one process: one statement, and so one transaction, for each local step. */
export function localSteps(databaseUrl: string, providerUrl: string): Steps {
  const pool = poolOf(databaseUrl);
  const provider = providerAt(providerUrl);
  const run = async (name: string, text: string, values: readonly unknown[]): Promise<null> => {
    await pool.query({ name, text, values: [...values] });
    return null;
  };
  return {
    reserve: ({ orderId, quantity }) => run('reserve', RESERVE, [orderId, quantity]),
    release: ({ orderId }) => run('release', RELEASE, [orderId]),
    charge: async (order) => {
      await provider.charge(order, `${order.orderId}:charge`);
      return null;
    },
    refund: async (order) => {
      await provider.refund(order, `${order.orderId}:refund`);
      return null;
    },
    allocate: async (order) => {
      if (expectedOutcome(order) === 'refused') return false;
      await run('allocate', ALLOCATE, [order.orderId, order.quantity]);
      return true;
    },
    end: ({ orderId }, outcome) => run('end', END, [orderId, outcome]),
  };
}

/** The steps that layout B runs in other services. */
export const remoteStepNames = ['reserve', 'release', 'charge', 'refund', 'allocate'] as const;

/** The addresses of the other services of layout B. */
export type ServiceUrls = Readonly<Record<Exclude<ServiceName, 'orders'>, string>>;

/** The steps of layout B: calls of the other services by HTTP; the end of an order is local. */
export function remoteSteps(urls: ServiceUrls, local: Steps): Steps {
  const call = async (url: string, order: Order): Promise<unknown> => JSON.parse(await sendJson(url, order));
  const nothing =
    (url: string) =>
    async (order: Order): Promise<null> => {
      await call(url, order);
      return null;
    };
  return {
    reserve: nothing(`${urls.stock}/reserve`),
    release: nothing(`${urls.stock}/release`),
    charge: nothing(`${urls.payments}/charge`),
    refund: nothing(`${urls.payments}/refund`),
    allocate: async (order) => (await call(`${urls.warehouse}/allocate`, order)) === true,
    end: (order, outcome) => local.end(order, outcome),
  };
}
