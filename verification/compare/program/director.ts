import { BusinessRejection, defineCall } from 'convergekit';
import { z } from 'zod';

const service = process.env['COMPARE_SERVICE'];

async function ask(path: string, what: object): Promise<{ readonly answer: string }> {
  const body = JSON.stringify({ service, ...what });
  const answer = await fetch(`${process.env['COMPARE_DIRECTOR'] ?? ''}${path}`, { method: 'POST', body });
  if (!answer.ok) throw Object.assign(new Error(`HTTP ${answer.status}`), { status: answer.status });
  return (await answer.json()) as { readonly answer: string };
}

/** Reports that a handler has reached a moment: the director lets it go on, fail or die. */
export async function reach(moment: string, key: string): Promise<void> {
  const { answer } = await ask('/moment', { moment, key });
  if (answer === 'network') throw Object.assign(new Error('the line is dead'), { code: 'ECONNRESET' });
  if (answer === 'bug') throw new TypeError(`${moment} has a bug`);
  if (answer === 'refuse') throw new BusinessRejection(`${moment} refuses`);
}

/** Reports that the service listens on a port. */
export const ready = (port: number): Promise<unknown> => ask('/ready', { port });

const input = z.object({ id: z.string() });
const result = z.object({ receipt: z.string() });

/** Declares a call of the provider, which keeps its ledger outside of the services. */
export function providerCall(
  name: string,
  more: {
    /** It can be queried, and a refusal is a result. */
    readonly queried?: boolean;
    readonly idempotency?: 'keyed' | 'none';
  } = {},
) {
  const request = (op: string, key: string, id: string, of?: string) =>
    ask('/provider', { call: name, op, key, id, of });
  return defineCall(name, {
    input,
    result,
    idempotency: more.idempotency ?? 'keyed',
    settleMs: 200,
    call: async ({ id }, { idempotencyKey }) => {
      const { answer } = await request('call', idempotencyKey, id);
      if (answer === 'refused' && more.queried !== true) throw new BusinessRejection(`${name} was refused`);
      return { receipt: answer };
    },
    ...(more.queried === true && {
      query: async ({ id }: z.infer<typeof input>, { idempotencyKey }: { idempotencyKey: string }) => {
        const { answer } = await request('query', idempotencyKey, id);
        if (answer === 'not_found') return { kind: 'not_found' as const };
        return { kind: 'applied' as const, result: { receipt: answer } };
      },
    }),
    compensate: async ({ call, input }) => {
      const { answer } = await request('undo', call.key, input.id);
      return answer === 'irreversible' ? 'irreversible' : 'done';
    },
  });
}
