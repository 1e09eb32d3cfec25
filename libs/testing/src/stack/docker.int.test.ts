import { Client } from 'pg';
import { expect, it } from 'vitest';
import { dockerAnswers, dockerKafka, dockerPostgres } from './docker.ts';

it('runs both servers where a Docker engine answers', async (test) => {
  if (!(await dockerAnswers())) {
    process.stderr.write('NOT TESTED: no Docker engine answers here, so the containers were not started\n');
    test.skip('no Docker engine answers here');
  }
  const [postgres, kafka] = await Promise.all([dockerPostgres(), dockerKafka()]);
  try {
    const client = new Client({ connectionString: postgres.address });
    await client.connect();
    expect((await client.query('show max_prepared_transactions')).rows).toEqual([
      { max_prepared_transactions: '20' },
    ]);
    await client.end();
    expect(kafka.address).toMatch(/:\d+$/);
  } finally {
    await Promise.all([postgres.stop(), kafka.stop()]);
  }
});
