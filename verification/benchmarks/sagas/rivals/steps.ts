import { Pool } from 'pg';
import { ALLOCATE, END, RELEASE, RESERVE } from '../business-sql.ts';
import { expectedOutcome, type Order, type Outcome } from '../order.ts';
import { providerAt } from '../stub/provider.ts';

/** The steps of the order and their compensations. Each may be repeated: it takes effect once. */
export interface Steps {
  reserve(order: Order): Promise<null>;
  release(order: Order): Promise<null>;
  charge(order: Order): Promise<null>;
  refund(order: Order): Promise<null>;
  /** Returns false when the warehouse refuses the order. */
  allocate(order: Order): Promise<boolean>;
  end(order: Order, outcome: Outcome): Promise<null>;
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
