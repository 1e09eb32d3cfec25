import { expect, it } from 'vitest';
import { prepareDocker } from './docker-engine.ts';

it('a Docker engine or image that is not available is returned as a reason, not thrown', async () => {
  expect(await prepareDocker(['converge.invalid/no-such-image:0'], () => undefined)).toMatchObject({
    ready: false,
  });
});
