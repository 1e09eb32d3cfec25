import { type Database, defineCall, defineWorkflow } from 'convergekit';
import { workflows } from 'convergekit/process';
import { z } from 'zod';
import { buckets, dns } from './clouds.ts';

const bucket = defineCall('buckets.create', {
  input: z.object({ name: z.string() }),
  result: z.object({ url: z.string() }),
  idempotency: 'keyed',
  call: ({ name }, { idempotencyKey }) => buckets.create(name, idempotencyKey),
  compensate: ({ call }, { undoKey }) => buckets.remove(call.key, undoKey),
});
const provision = defineWorkflow('tenants.provision', {
  input: z.object({ plan: z.string() }),
  result: z.object({ url: z.string() }),
  steps: { bucket, dns },
  body: async (unit) => {
    const { url } = await unit.step('bucket', { name: unit.id });
    await unit.step('dns', { name: unit.id, to: url }); // when it fails, the bucket is removed
    return { url };
  },
});

export const tenants = (database: Database<object>) => workflows([provision], { database });
