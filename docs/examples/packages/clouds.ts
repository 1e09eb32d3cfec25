import { stackStep } from '@convergekit/workflow';
import { z } from 'zod';

export declare const buckets: {
  create(name: string, key: string): Promise<{ url: string }>;
  remove(name: string, key: string): Promise<void>;
};
declare const names: { point(name: string, to: string): Promise<void>; drop(name: string): Promise<void> };

export const dns = stackStep({
  intent: z.object({ name: z.string(), to: z.string() }),
  result: z.object({}),
  idempotency: 'keyed',
  do: async ({ name, to }) => {
    await names.point(name, to);
    return {};
  },
  undo: ({ intent: { name } }) => names.drop(name),
});
