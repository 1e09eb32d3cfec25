import { defineCall, defineConsumer, defineEvent, defineService } from 'convergekit';
import { Hono } from 'hono';
import { z } from 'zod';

const mail = z.object({ address: z.string() });
interface MailsDb {
  mail: { address: string };
}
export const TABLES = 'create table mail (address text primary key)';

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

export const mails = defineService('mails', {
  consumers: [welcome],
  emits: [mailAsked],
  http: ({ transaction }) =>
    new Hono().post('/', async (request) => {
      const address = request.req.query('address') ?? '';
      await transaction(({ emit }) => Promise.resolve(emit(mailAsked({ address }))));
      return request.body(null, 202);
    }),
});
