/**
 * Looks at payloads, and sessions that use the API. Seen to fail without: the user of a look, its reason, its setting, its row in
 * the audit; the form's token in the API of an action, of a look and of a stop.
 */
import { describe, expect, it } from 'vitest';
import { type AppUnderTest, appUnderTest, PAYLOAD } from '../fixture/app-under-test.ts';

const ours = { origin: 'http://localhost:7070', 'sec-fetch-site': 'same-origin' };

describe('a request to the API by a session', () => {
  it('a session acts by the API with the token of its forms, and not without', async () => {
    const { app, acts, signIn, formToken } = appUnderTest({ CONVERGE__CONSOLE__PAYLOADS: 'full' });
    const cookie = await signIn();
    const post = (path: string, token: string) =>
      app.request(
        path,
        {
          method: 'POST',
          headers: {
            host: 'localhost:7070',
            'content-type': 'application/json',
            cookie,
            ...ours,
            'x-form-token': token,
          },
          body: JSON.stringify({ reason: 'r' }),
        },
        {},
      );
    for (const path of ['/api/echo/x/act', '/api/echo/x/payload', '/api/actions/1/stop'])
      expect([path, (await post(path, '')).status]).toEqual([path, 403]);
    expect(acts).toEqual([]);
    expect((await post('/api/echo/x/act', await formToken(cookie))).status).toBe(200);
    expect(acts).toEqual(['ada x: r']);
  });
});

/** Asks for a look as a signed-in user. */
async function refusedTo({ ask, signIn, formToken }: AppUnderTest): Promise<Response> {
  const cookie = await signIn();
  const form = { reason: 'r', formToken: await formToken(cookie) };
  return ask('/echo/x/payload', { form, headers: { ...ours, cookie } });
}

describe('a look at a payload in full', () => {
  const path = '/echo/x/payload';
  const full = { CONVERGE__CONSOLE__PAYLOADS: 'full' };

  it('a payload is shown to a signed-in user by a form, where the settings permit it, and the look is recorded', async () => {
    const { ask, looks, signIn, formToken } = appUnderTest(full);
    const cookie = await signIn();
    const form = { formToken: await formToken(cookie), reason: 'ticket 7' };
    const shown = await ask(path, { form, headers: { ...ours, cookie } });
    expect(await shown.text()).toContain(PAYLOAD);
    expect(looks).toEqual([['payload look', 'event', 'x', 'ada', 'ticket 7']]);
  });

  it('a payload is not shown to a visitor, by another form, without a reason, or where the settings mask it', async () => {
    const permitted = appUnderTest(full);
    const cookie = await permitted.signIn();
    const formToken = await permitted.formToken(cookie);
    const headers = { ...ours, cookie };
    const refusals = [
      [401, permitted.ask(path, { form: { reason: 'r' }, headers: ours })],
      [403, permitted.ask(path, { form: { reason: 'r', formToken: 'wrong' }, headers })],
      [400, permitted.ask(path, { form: { reason: ' ', formToken }, headers })],
      ...(['masked', 'none', undefined] as const).map((payloads) => {
        const other = appUnderTest(payloads === undefined ? {} : { CONVERGE__CONSOLE__PAYLOADS: payloads });
        return [403, refusedTo(other)] as const;
      }),
    ] as const;
    for (const [status, asked] of refusals) {
      const answer = await asked;
      expect(answer.status).toBe(status);
      expect(await answer.text()).not.toContain(PAYLOAD);
    }
    expect(permitted.looks).toEqual([]);
  });
});
