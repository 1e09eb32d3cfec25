import { setTimeout as delay } from 'node:timers/promises';
import { traced } from '@convergekit/service-common';
import { type Context, Hono } from 'hono';
import type { Kysely } from 'kysely';
import { z } from 'zod';
import { behaviourSchema, modeOf, normal } from './behaviour.ts';
import { charge, type Charge, find, list, refund, type Refused } from './ledger.ts';
import type { ProviderDb } from './tables.ts';

const chargeBody = z.object({ amountCents: z.int().positive() });
/** The charges of one page. */
const PAGE = 100;
const RECENT_MS = 60_000;
const refundBody = chargeBody.extend({ chargeKey: z.string() });

/**
 * Creates the API of the external payment provider.
 * POST /charges and POST /refunds with `Idempotency-Key`, GET /charges (paged), GET /charges/:key, and PUT /admin/behaviour for faults.
 */
export function providerApi(db: Kysely<ProviderDb>): Hono {
  let behaviour = normal;
  let calls = 0;
  const app = new Hono();
  app.use(traced);

  /** Runs `act` according to the current behaviour. */
  const misbehave = async (
    context: Context,
    act: (decline: boolean) => Promise<Charge | Refused | undefined>,
  ): Promise<Response> => {
    const { lateMs } = behaviour;
    calls += 1;
    const mode = modeOf(behaviour, calls);
    if (mode === 'fail') return context.json({ error: 'internal error' }, 500);
    if (mode === 'hang') return hangUntilGone(context);
    const result = await act(mode === 'decline');
    if (mode === 'late')
      await delay(lateMs, undefined, { signal: context.req.raw.signal }).catch(() => undefined);
    return answer(context, result);
  };

  app.post('/charges', async (context) => {
    const key = context.req.header('idempotency-key');
    const body = chargeBody.safeParse(await context.req.json().catch(() => undefined));
    if (key === undefined || !body.success)
      return context.json({ error: 'key and amountCents are required' }, 400);
    return misbehave(context, (decline) => charge(db, { key, amountCents: body.data.amountCents, decline }));
  });
  app.post('/refunds', async (context) => {
    const key = context.req.header('idempotency-key');
    const body = refundBody.safeParse(await context.req.json().catch(() => undefined));
    if (key === undefined || !body.success)
      return context.json({ error: 'key, chargeKey and amountCents are required' }, 400);
    return misbehave(context, () => refund(db, { key, ...body.data }));
  });
  app.get('/charges', async (context) => {
    const charges = await list(db, context.req.query('after') ?? '', PAGE);
    const next = charges.length < PAGE ? null : (charges.at(-1)?.key ?? null);
    return context.json({ charges: charges.map(bookOf), next });
  });
  app.get('/charges/:key', async (context) => answer(context, await find(db, context.req.param('key'))));
  app.put('/admin/behaviour', async (context) => {
    const wanted = behaviourSchema.safeParse(await context.req.json().catch(() => undefined));
    if (!wanted.success) return context.json({ error: z.prettifyError(wanted.error) }, 400);
    behaviour = wanted.data;
    return context.json(behaviour);
  });
  return app;
}

function answer(context: Context, result: Charge | Refused | undefined): Response {
  if (result === undefined) return context.json({ error: 'no such charge' }, 404);
  if ('conflict' in result) return context.json({ error: result.conflict }, 409);
  const { charge_id: chargeId, state, refund_key: refundKey } = result;
  const reason = state === 'declined' ? 'the card was declined' : null;
  const status = state === 'declined' && context.req.method === 'POST' ? 402 : 200;
  return context.json({ ...bookOf(result), chargeId, state, reason, refunded: refundKey !== null }, status);
}

function bookOf({
  key,
  state,
  amount_cents: amountCents,
  refunded_cents: refundedCents,
  at,
}: Charge): object {
  return { key, state, amountCents, refundedCents, recent: Date.now() - at.getTime() < RECENT_MS };
}

/** Hangs without doing anything until the caller gives up. */
async function hangUntilGone(context: Context): Promise<Response> {
  const { signal } = context.req.raw;
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  return context.body(null, 408);
}
