import { describe, expect, it } from 'vitest';
import { chart, helm, valuesOf } from './fixture/chart-scene.ts';
import { render } from './fixture/render.ts';

describe('the schema of the values', () => {
  it.each([
    ['an unknown value', 'relays={}', /additional properties 'relays' not allowed/],
    [
      'an unknown value of a source',
      'sources.orders={"database":{"existingSecret":"x"},"size":1}',
      /'size' not allowed/,
    ],
    ['a source without a database', 'sources.orders={"replicas":2}', /missing property 'database'/],
    [
      'a name that is no name of an object',
      'sources.Orders={"database":{"existingSecret":"x"}}',
      /Orders|pattern/,
    ],
    ['a password as a setting', 'settings={"CONVERGE__KAFKA__SASL__PASSWORD":"x"}', /settings/],
    ['a URL of a database as a setting', 'settings={"CONVERGE__DATABASE__URL":"x"}', /settings/],
    [
      'a token of the console as a setting',
      'console.settings={"CONVERGE__CONSOLE__TOKENS__EVE":"x"}',
      /settings/,
    ],
    [
      'headers for a collector, which hold its key',
      'settings={"OTEL_EXPORTER_OTLP_HEADERS":"x"}',
      /settings/,
    ],
    ['a variable of others', 'settings={"LD_PRELOAD":"x"}', /settings/],
    ['the user root', 'pod.runAsUser=0', /runAsUser/],
    ['a privileged port', 'healthPort=80', /healthPort/],
    ['no replica', 'sources.orders={"replicas":0,"database":{"existingSecret":"x"}}', /replicas/],
  ])('refuses %s', async (_what, set, why) => {
    await expect(render(helm, chart, [valuesOf('relays')], [set])).rejects.toThrow(why);
  });

  it.each([
    ['a relay without brokers', 'kafka.brokers=[]', /kafka.brokers is empty: list host:port/],
    ['a reconciler without modules', 'reconciler.enabled=true', /reconciler.modules is empty/],
    [
      'a reconciler without databases',
      'reconciler={"enabled":true,"modules":["./x"]}',
      /reconciler.databases is empty/,
    ],
    ['a console without databases', 'console.enabled=true', /console.databases is empty/],
    [
      'a console that no user can read',
      'console={"enabled":true,"databases":{"orders":{"existingSecret":"s"}}}',
      /console.tokens is empty/,
    ],
    ['a key of a certificate without its secret', 'kafka.tls.caKey="ca.crt"', /names the secret of the keys/],
  ])('%s is refused with what to set', async (_what, set, why) => {
    await expect(render(helm, chart, [valuesOf('relays')], [set])).rejects.toThrow(why);
  });
});
