import { defineCall } from 'convergekit';
import { z } from 'zod';

export declare const buckets: {
  create(name: string, key: string): Promise<{ url: string }>;
  /** Removes the bucket that was made with this key. */
  remove(createKey: string, key: string): Promise<void>;
};
declare const names: { point(name: string, to: string): Promise<void>; drop(name: string): Promise<void> };

export const dns = defineCall({
  name: 'names.point',
  input: z.object({ name: z.string(), to: z.string() }),
  result: z.object({}),
  idempotency: 'keyed',
  call: async ({ name, to }) => {
    await names.point(name, to);
    return {};
  },
  undo: ({ input: { name } }) => names.drop(name),
});
