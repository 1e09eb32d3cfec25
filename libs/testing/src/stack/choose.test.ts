import { expect, it } from 'vitest';
import { chooseStack } from './choose.ts';

const url = 'postgres://a@b/c';

it.each([
  { given: { databaseUrl: url, brokers: 'k:1' }, docker: true, postgres: 'given', kafka: 'given' },
  { given: { databaseUrl: url, brokers: undefined }, docker: true, postgres: 'given', kafka: 'docker' },
  { given: { databaseUrl: undefined, brokers: 'k:1' }, docker: false, postgres: 'embedded', kafka: 'given' },
  {
    given: { databaseUrl: undefined, brokers: undefined },
    docker: true,
    postgres: 'docker',
    kafka: 'docker',
  },
  { given: { databaseUrl: '', brokers: undefined }, docker: false, postgres: 'embedded', kafka: 'embedded' },
])(
  'with $given and an engine: $docker, Postgres is $postgres and Kafka is $kafka',
  ({ given, docker, postgres, kafka }) => {
    const choices = chooseStack({ ...given, dockerAnswers: docker });
    expect([choices.postgres.how, choices.kafka.how]).toEqual([postgres, kafka]);
  },
);
