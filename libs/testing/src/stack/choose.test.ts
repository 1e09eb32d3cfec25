import { describe, expect, it } from 'vitest';
import { askedStack, assertPossible, type ChoiceFacts, chooseStack } from './choose.ts';

const url = 'postgres://a@b/c';
const ready = { ready: true } as const;
const unready = { ready: false, why: 'no Docker engine answers' } as const;

const cases: readonly (Partial<ChoiceFacts> & { readonly postgres: string; readonly kafka: string })[] = [
  { databaseUrl: url, brokers: 'k:1', docker: ready, postgres: 'given', kafka: 'given' },
  { databaseUrl: url, docker: ready, postgres: 'given', kafka: 'docker' },
  { brokers: 'k:1', docker: unready, postgres: 'embedded', kafka: 'given' },
  { docker: ready, postgres: 'docker', kafka: 'docker' },
  { databaseUrl: '', docker: unready, postgres: 'embedded', kafka: 'embedded' },
  { asked: 'embedded', docker: ready, postgres: 'embedded', kafka: 'embedded' },
  { asked: 'docker', docker: ready, postgres: 'docker', kafka: 'docker' },
  { asked: 'docker', databaseUrl: url, docker: ready, postgres: 'given', kafka: 'docker' },
];

const facts = (some: Partial<ChoiceFacts>): ChoiceFacts => ({
  databaseUrl: undefined,
  brokers: undefined,
  asked: undefined,
  docker: undefined,
  ...some,
});

describe('chooseStack', () => {
  it.each(cases)(
    'C7: chooseStack with database $databaseUrl, brokers $brokers, request $asked and Docker $docker chooses $postgres and $kafka',
    (one) => {
      const choices = chooseStack(facts(one));
      expect([choices.postgres.how, choices.kafka.how]).toEqual([one.postgres, one.kafka]);
    },
  );

  it('chooseStack names the reason when Docker would have been chosen and is not ready', () => {
    expect(chooseStack(facts({ docker: unready })).because).toBe('no Docker engine answers');
    expect(chooseStack(facts({ docker: unready, asked: 'embedded' })).because).toBeUndefined();
  });

  it('chooseStack starts nothing else when Docker was requested and is not ready', () => {
    expect(() => chooseStack(facts({ asked: 'docker', docker: unready }))).toThrow(
      'CONVERGE_STACK=docker, and no Docker engine answers: start Docker, or unset CONVERGE_STACK',
    );
  });

  it('chooseStack refuses an unknown CONVERGE_STACK', () => {
    expect(askedStack('')).toBeUndefined();
    expect(askedStack('docker')).toBe('docker');
    expect(() => askedStack('Docker')).toThrow('CONVERGE_STACK is "Docker": set it to docker or embedded');
  });
});

describe('assertPossible', () => {
  const chosen = (some: Partial<ChoiceFacts>) => chooseStack(facts(some));

  it('several brokers are refused beside a Kafka that is given or runs in Docker, instead of one broker without a word', () => {
    for (const some of [{ asked: 'embedded', brokers: 'k:1' }, { docker: ready }] as const)
      expect(() => assertPossible(chosen(some), { brokers: 3 })).toThrow(
        'several brokers are started embedded only: set CONVERGE_STACK=embedded and unset KAFKA_BROKERS',
      );
    expect(() => assertPossible(chosen({ asked: 'embedded' }), { brokers: 3 })).not.toThrow();
    expect(() => assertPossible(chosen({ docker: ready }), {})).not.toThrow();
  });

  it('a standby and a PgBouncer are refused beside a Postgres that is given or runs in Docker', () => {
    for (const beside of [{ standby: 'synchronous' }, { pgbouncer: true }] as const) {
      for (const some of [{ asked: 'embedded', databaseUrl: url }, { docker: ready }] as const)
        expect(() => assertPossible(chosen(some), beside)).toThrow(
          'CONVERGE_STACK=embedded and unset DATABASE_URL',
        );
      expect(() => assertPossible(chosen({ asked: 'embedded' }), beside)).not.toThrow();
    }
  });
});
