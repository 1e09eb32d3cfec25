import { createServer } from 'node:http';
import {
  defineCall,
  defineConsumer,
  defineEvent,
  type logger,
  type Part,
  defineService,
  type TransactionFunction,
} from 'convergekit';
import { z } from 'zod';

const mail = z.object({ address: z.string() });
interface MailsDb {
  mail: { address: string };
}
export const TABLES = 'create table mail (address text primary key)';
const http = z.object({ port: z.int().default(0) }).prefault({});

export const mailAsked = defineEvent('mail.asked', {
  version: 1,
  topic: 'guide.mails',
  key: ({ address }) => address,
  data: mail,
});

/** The call of a mail provider. Its outcome is one row. */
const sendMail = defineCall('mails.send', {
  idempotency: 'keyed',
  input: mail,
  result: z.null(),
  call: () => Promise.resolve(null),
}).onOutcome<MailsDb>({
  succeeded: async (_, { tx, key }) => {
    await tx.insertInto('mail').values({ address: key }).execute();
  },
  failed: () => undefined,
});

const welcome = defineConsumer<MailsDb>('mails', { from: 'first' })
  .calls(sendMail)
  .on(mailAsked, async (event, { call }) => {
    await call(sendMail, event.data);
  });

/** POST /?address=… asks for a mail. Any HTTP server will do. */
function httpPart(
  port: number,
  transaction: TransactionFunction<MailsDb>,
  log: ReturnType<typeof logger>,
): Part {
  const done = Promise.withResolvers<undefined>();
  const server = createServer((request, response) => {
    const address = new URL(request.url ?? '', 'http://host').searchParams.get('address') ?? '';
    transaction(({ emit }) => {
      emit(mailAsked({ address }));
      return Promise.resolve();
    })
      .then(() => response.writeHead(202))
      .catch((error: unknown) => {
        log.error({ err: error }, 'a request failed');
        response.writeHead(500);
      })
      .finally(() => response.end());
  });
  return {
    name: 'http',
    done: done.promise,
    start: () => new Promise((resolve) => server.listen(port, resolve)),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeIdleConnections();
        done.resolve(undefined);
      }),
  };
}

export const mails = defineService('mails', {
  settings: { http },
  consumers: [welcome],
  emits: [mailAsked],
  parts: ({ settings, transaction, log }) => [httpPart(settings.http.port, transaction, log)],
});
