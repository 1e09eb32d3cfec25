/**
 * Code that was removed once, and a test here failed: readiness goes off before the relay stops (the server answered
 * ready until it closed). The test ran until it was killed when the close of the database waited for a hanging
 * statement.
 */
import { waitUntil } from '@convergekit/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { says } from '../../fixture/cli.ts';
import { killLeftovers, startCli } from '../../fixture/cli-process.ts';
import { healthOf, proxiedOutbox, type ProxiedOutbox, ready } from '../../fixture/proxied-outbox.ts';

let outbox: ProxiedOutbox;
beforeEach(async () => {
  outbox = await proxiedOutbox();
});
afterEach(async () => {
  killLeftovers();
  await outbox.close();
});

describe('a relay that must stop while its database hangs', () => {
  it('G2f: a relay that must stop while its database hangs is not ready any more, and exits by itself with 0', async () => {
    const relay = startCli(['relay'], outbox.env);
    const get = await healthOf(relay);
    await ready(get);
    outbox.proxy.stall();
    relay.child.kill('SIGTERM');
    const draining = await waitUntil(
      async () => {
        const found = await get('/readyz');
        return found.text.includes('"draining":{"ok":false}') ? found : undefined;
      },
      { what: 'readiness to go off while it still runs' },
    );
    expect(draining.status).toBe(503);
    expect(await relay.ended).toMatchObject({ code: 0, signal: null });
    const logged = relay.logs().map((line) => line['msg']);
    expect(logged.indexOf('stopping')).toBeLessThan(logged.indexOf('stopped'));
  });

  it('a relay that must stop while its database hangs exits at once with 130 at the second signal', async () => {
    const relay = startCli(['relay'], outbox.env);
    const get = await healthOf(relay);
    await ready(get);
    outbox.proxy.stall();
    relay.child.kill('SIGTERM');
    // A process that is slow would see both signals in one moment.
    await says(relay, 'stopping');
    const at = performance.now();
    // Two within a moment are one wish: npm passes on what the terminal sent to all.
    await waitUntil(() => performance.now() - at > 400, { what: 'the moment to pass' });
    relay.child.kill('SIGTERM');
    expect(await relay.ended).toMatchObject({ code: 130 });
    expect(relay.logs().map((line) => line['msg'])).not.toContain('stopped');
  });
});
