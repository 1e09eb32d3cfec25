import { type Database, defineCall, defineWorkflow, type LocalContext, localStep } from 'convergekit';
import { workflows } from 'convergekit/process';
import { z } from 'zod';

/** What the service talks to: a store of buckets, a name server, a bank. */
export interface Clouds {
  buckets: {
    create(name: string, key: string): Promise<string>;
    remove(name: string, key: string): Promise<void>;
    find(name: string): Promise<string | undefined>;
  };
  names: { point(name: string, to: string): Promise<void>; drop(name: string): Promise<void> };
  bank: {
    subscribe(tenant: string, key: string): Promise<string>;
    /** By the key of the subscription. */
    cancel(subscribed: string, key: string): Promise<void>;
  };
}

export interface TenantsDb {
  tenant: { id: string; bucket: string };
}

export const bucketStep = (buckets: Clouds['buckets']) =>
  defineCall('buckets.create', {
    input: z.object({ name: z.string() }),
    result: z.object({ url: z.string() }),
    idempotency: 'keyed',
    call: async ({ name }, { idempotencyKey }) => ({ url: await buckets.create(name, idempotencyKey) }),
    // Looks up the outcome when a reply was lost, before a repeat, and before each undo.
    query: async ({ name }) => {
      const url = await buckets.find(name);
      return url === undefined ? { kind: 'not_found' } : { kind: 'applied', result: { url } };
    },
    compensate: ({ input: { name } }, { undoKey }) => buckets.remove(name, undoKey),
  });

const dnsStep = (names: Clouds['names']) =>
  defineCall('names.point', {
    input: z.object({ name: z.string(), to: z.string() }),
    result: z.null(),
    idempotency: 'idempotent', // a repeat changes nothing, so it needs no query
    call: async ({ name, to }) => {
      await names.point(name, to);
      return null;
    },
    compensate: ({ input: { name } }) => names.drop(name),
  });

const subscriptionStep = (bank: Clouds['bank']) =>
  defineCall('bank.subscribe', {
    input: z.object({ tenant: z.string() }),
    result: z.object({ id: z.string() }),
    idempotency: 'keyed',
    call: async ({ tenant }, { idempotencyKey }) => ({ id: await bank.subscribe(tenant, idempotencyKey) }),
    compensate: ({ call }, { undoKey }) => bank.cancel(call.key, undoKey),
  });

/** A row of our own: one transaction with its place in the journal, so its outcome is never unknown. */
export const rowStep = localStep({
  input: z.object({ id: z.string(), bucket: z.string() }),
  result: z.null(),
  apply: async (tenant, { tx }: LocalContext<TenantsDb>) => {
    await tx.insertInto('tenant').values(tenant).execute();
    return null;
  },
  compensate: async ({ input: { id } }, { tx }) => {
    await tx.deleteFrom('tenant').where('id', '=', id).execute();
  },
});

export const provisioning = ({ buckets, names, bank }: Clouds) =>
  defineWorkflow('tenants.provision', {
    input: z.object({ plan: z.enum(['free', 'paid']) }),
    result: z.object({ url: z.string(), billed: z.boolean() }),
    steps: {
      bucket: bucketStep(buckets),
      dns: dnsStep(names),
      subscription: subscriptionStep(bank),
      row: rowStep,
    },
    body: async (unit, { plan }) => {
      const { url } = await unit.step('bucket', { name: unit.id });
      await unit.step('dns', { name: unit.id, to: url });
      // A unit in the unit: when it fails, what was done in it is undone, and nothing else.
      const billed = await unit
        .scope('billing', async (inner) => {
          if (plan === 'free') return false;
          await inner.step('subscription', { tenant: unit.id });
          return true;
        })
        .catch(() => false);
      await unit.step('row', { id: unit.id, bucket: url });
      return { url, billed };
    },
  });

/** In the service's main: the worker continues interrupted workflows, on any node. */
export const tenants = (clouds: Clouds, database: Database<TenantsDb>) => {
  const provision = provisioning(clouds);
  const running = workflows([provision], { database });
  return {
    worker: running.worker,
    create: (id: string, plan: 'free' | 'paid') => running.startWorkflow(provision, id, { plan }),
  };
};
