import { expect, it } from 'vitest';
import { brokerErrorFrom } from './errors.ts';

const refused = (code: string, routine = 'any'): Error =>
  Object.assign(new Error('refused'), { code, routine, severity: 'ERROR' });
const meaning = (error: Error) => brokerErrorFrom(error, { doing: 'a look', sent: true });

// Seen to fail for 0A000, by which BEGIN is refused: the error was fatal and pointed at the log of Postgres.
it.each([refused('25006'), refused('0A000', 'call_bool_check_hook')])(
  'a log whose server is a standby ($code) is asked again, and the error says so',
  (error) => {
    const found = meaning(error);
    expect(found).toMatchObject({ code: 'NOT_LEADER', kind: 'retry', certainty: 'not_applied' });
    expect(found.message).toMatch(/that server is a standby; it is retried until the primary answers$/);
  },
);

// Seen to fail with each 0A000 taken for a standby: it was retried for ever.
it('a feature that the server does not support is no standby', () => {
  expect(meaning(refused('0A000'))).toMatchObject({ code: 'LOCAL_LOG_FAILED', kind: 'fatal' });
});

// Seen to fail with a list of classes in place of the one classification: each was fatal, and ended the log's members.
it.each([
  refused('54000', 'GetNewTransactionId'),
  refused('25P03'),
  refused('0A000', 'RevalidateCachedQuery'),
  refused('XX000'),
])('a refusal that passes ($code, $routine) is retried', (error) => {
  expect(meaning(error)).toMatchObject({ code: 'BROKER_UNREACHABLE', kind: 'retry' });
});
