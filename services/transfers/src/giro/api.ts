import type { NewId, TransactionFunction } from 'convergekit';
import { answerById, httpApi, keyedPost } from '@convergekit/service-common';
import type { Hono } from 'hono';
import type { Kysely } from 'kysely';
import type { GiroDb } from '../tables.ts';
import { findTransfer, requestTransfer, transferRequest } from './transfer-store.ts';

interface Options {
  readonly db: Kysely<GiroDb>;
  readonly transaction: TransactionFunction<GiroDb>;
  readonly newId: NewId;
}

/** Creates the API: POST /transfers with `Idempotency-Key`, GET /transfers/:id. */
export function transfersApi(options: Options): Hono {
  const app = httpApi('POST /transfers and GET /transfers/:id');
  keyedPost(app, '/transfers', transferRequest, (key, request, client) =>
    requestTransfer(options, key, request, client),
  );
  app.get('/transfers/:id', (context) =>
    answerById(context, 'transfer', (id) => findTransfer(options.db, id)),
  );
  return app;
}
