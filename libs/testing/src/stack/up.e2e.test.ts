import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { inFreshFolder, runStack, stackFolder, stackTests, up } from '../fixture/up-scene.ts';

/** A PATH with nothing but a `java` that claims a version. */
function onlyJava(version: string): NodeJS.ProcessEnv {
  const bin = mkdtempSync(join(stackFolder(), 'bin-'));
  writeFileSync(join(bin, 'java'), `#!/bin/sh\necho 'openjdk version "${version}"' >&2\n`, { mode: 0o755 });
  return { PATH: bin, JAVA_HOME: '' };
}

describe('node infra/stack/main.ts, embedded', () => stackTests('embedded'));

describe('node infra/stack/main.ts', () => {
  inFreshFolder();
  /** A Docker command with which no engine answers. */
  const noDocker = { DOCKER_HOST: 'tcp://127.0.0.1:1', TESTCONTAINERS_HOST_OVERRIDE: '' };

  it('`up` without a Docker engine starts embedded servers and says why; no other user may read their password', async () => {
    const stack = await up({ ...noDocker, CONVERGE_STACK: '', KAFKA_BROKERS: '127.0.0.1:1' });
    expect(stack.output()).toContain(
      'stack: Postgres embedded, Kafka as given by the environment (no Docker engine answers)',
    );
    expect(statSync(join(stackFolder(), 'stack.env')).mode & 0o777).toBe(0o600);
  });

  it('`up` without the Docker engine that was requested names the next step', async () => {
    const stack = runStack(['up'], { ...noDocker, CONVERGE_STACK: 'docker' });
    expect(await stack.ended).toBe(1);
    expect(stack.output().trim()).toBe(
      'stack: CONVERGE_STACK=docker, and no Docker engine answers: start Docker, or unset CONVERGE_STACK to use embedded servers',
    );
  });

  it('`up` without Java says in one sentence what to install, exits with 1 and leaves nothing', async () => {
    const stack = runStack(['up'], {
      PATH: '/nowhere',
      JAVA_HOME: '',
      CONVERGE_STACK: 'embedded',
      DATABASE_URL: 'postgres://given@127.0.0.1:1/given',
    });
    expect(await stack.ended).toBe(1);
    expect(stack.output().trim().split('\n')).toEqual([
      'stack: Postgres as given by the environment, Kafka embedded',
      expect.stringMatching(
        /^stack: Kafka runs on Java and `java` was not found: install a Java runtime 17 or newer/,
      ),
    ]);
    expect(readdirSync(join(stackFolder(), 'stacks'))).toEqual([]);
  });

  it('`up` with a Java that is too old, or without Maven, says so in one sentence', async () => {
    const given = { CONVERGE_STACK: 'embedded', DATABASE_URL: 'postgres://given@127.0.0.1:1/given' };
    const old = runStack(['up'], { ...onlyJava('11.0.2'), ...given });
    expect(await old.ended).toBe(1);
    expect(old.output()).toContain('stack: Kafka needs Java 17 or newer and `java` is version 11: install');
    rmSync(join(stackFolder(), 'kafka-jars'));
    const bare = runStack(['up'], { ...onlyJava('21.0.1'), ...given });
    expect(await bare.ended).toBe(1);
    expect(bare.output()).toContain(
      "stack: Kafka's jars come from Maven and `mvn` was not found: install Maven",
    );
  });
});
