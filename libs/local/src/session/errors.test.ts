import { expect, it } from 'vitest';
import { brokerErrorFrom } from './errors.ts';

const refused = (code: string): Error => Object.assign(new Error('refused'), { code, severity: 'ERROR' });

// Seen to fail for 0A000, by which BEGIN is refused: the error was fatal and pointed at the log of Postgres.
it.each(['25006', '0A000'])(
  'a log whose server is a standby (%s) is asked again, and the error says so',
  (code) => {
    const error = brokerErrorFrom(refused(code), { doing: 'a look', sent: true });
    expect(error).toMatchObject({ code: 'NOT_LEADER', kind: 'retry', certainty: 'not_applied' });
    expect(error.message).toMatch(/that server is a standby; it is retried until the primary answers$/);
  },
);
