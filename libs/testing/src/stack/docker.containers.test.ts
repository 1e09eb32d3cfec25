import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from '@convergekit/postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freshTopic } from '../fresh-topic.ts';
import { type Stack, startStack } from './stack.ts';

describe('a stack in Docker', () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'converge-docker-'));
  let stack: Stack;

  beforeAll(async () => {
    stack = await startStack({
      env: { ...process.env, CONVERGE_STACK: 'docker', DATABASE_URL: '', KAFKA_BROKERS: '' },
      dataDir,
    });
  });

  afterAll(async () => {
    await stack.stop();
    rmSync(dataDir, { recursive: true, force: true });
  });

  const show = async (name: string): Promise<string> => {
    const database = connect({ url: stack.databaseUrl });
    const { rows } = await database.executor.query<Record<string, string>>(
      `select current_setting($1) as it`,
      [name],
    );
    await database.close();
    return rows[0]?.['it'] ?? '';
  };

  it('C7, N13: a stack in Docker has the settings of an embedded one', async () => {
    expect(stack.chose).toBe('docker');
    expect(await show('max_prepared_transactions')).toBe('20');
    expect(await show('timezone')).toBe('UTC');
    const database = connect({ url: stack.databaseUrl });
    const text = `select datlocprovider as provider, datlocale as locale from pg_database where datname = 'postgres'`;
    const { rows } = await database.executor.query(text);
    await database.close();
    expect(rows).toEqual([{ provider: 'b', locale: 'C.UTF-8' }]);
  });

  it('a stack in Docker publishes its ports on 127.0.0.1 only', () => {
    const ports = [new URL(stack.databaseUrl).port, stack.brokers.split(':')[1]];
    const listening = execFileSync('docker', ['ps', '--format', '{{.Ports}}'], { encoding: 'utf8' });
    for (const port of ports) {
      expect(listening).toContain(`127.0.0.1:${port}->`);
      expect(listening).not.toContain(`0.0.0.0:${port}->`);
    }
  });

  it('a stack in Docker keeps the port and data of a server that is killed and started again', async () => {
    const topic = await freshTopic(stack.brokers, { partitions: 2 });
    const before = stack.brokers;
    await stack.kafka!.kill();
    expect(stack.kafka!.running).toBe(false);
    await stack.kafka!.start();
    expect(stack.kafka!.address).toBe(before);
    const lines: string[] = [];
    const onLine = (line: string): void => void lines.push(line);
    await stack.kafkaTools.run('org.apache.kafka.tools.GetOffsetShell', ['--topic', topic], { onLine });
    expect(lines.toSorted()).toEqual([`${topic}:0:0`, `${topic}:1:0`]);
    await stack.postgres!.restart();
    expect(await show('max_connections')).toBe('300');
  });

  it('a stack in Docker reports a failed tool with the output of that tool', async () => {
    await expect(
      stack.kafkaTools.run('org.apache.kafka.tools.NoSuchTool', [], { onLine: () => undefined }),
    ).rejects.toThrow(/NoSuchTool ended with 1: .*NoSuchTool/s);
  });
});
