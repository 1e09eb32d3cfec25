import type { BesideOptions } from './beside-postgres.ts';
import type { DockerState } from './docker-engine.ts';
import { DevStackError } from './stack-error.ts';

/** The way in which a part of the stack is provided. */
export type Choice =
  { readonly how: 'given'; readonly value: string } | { readonly how: 'docker' | 'embedded' };

export interface Choices {
  readonly postgres: Choice;
  readonly kafka: Choice;
  /** The reason why Docker was not used although nothing forbade it. */
  readonly because?: string;
}

export interface ChoiceFacts {
  readonly databaseUrl: string | undefined;
  readonly brokers: string | undefined;
  /** CONVERGE_STACK: what is not given is started this way and no other. */
  readonly asked: 'docker' | 'embedded' | undefined;
  /** undefined when Docker was not asked, because nothing of it is wanted. */
  readonly docker: DockerState | undefined;
}

/** Given by the environment; else as asked; else in Docker when it is ready; else embedded. Each part for itself. */
export function chooseStack({ databaseUrl, brokers, asked, docker }: ChoiceFacts): Choices {
  if (asked === 'docker' && docker?.ready === false)
    throw new DevStackError(
      'DOCKER_MISSING',
      `CONVERGE_STACK=docker, and ${docker.why}: start Docker, or unset CONVERGE_STACK to use embedded servers`,
    );
  const start: Choice = { how: asked ?? (docker?.ready === true ? 'docker' : 'embedded') };
  const choose = (value: string | undefined): Choice =>
    value === undefined || value === '' ? start : { how: 'given', value };
  return {
    postgres: choose(databaseUrl),
    kafka: choose(brokers),
    ...(asked === undefined && docker?.ready === false ? { because: docker.why } : {}),
  };
}

/** Refuses servers beside the two that only an embedded Postgres or Kafka has. Pure. */
export function assertPossible(
  { postgres, kafka }: Choices,
  { brokers = 1, standby, pgbouncer = false }: BesideOptions & { readonly brokers?: number | undefined },
): void {
  const refuse = (what: string, address: string): never => {
    throw new DevStackError(
      'STACK_SETTING',
      `${what} only: set CONVERGE_STACK=embedded and unset ${address}`,
    );
  };
  if (brokers > 1 && kafka.how !== 'embedded')
    refuse('several brokers are started embedded', 'KAFKA_BROKERS');
  if ((standby !== undefined || pgbouncer) && postgres.how !== 'embedded')
    refuse('a standby and a PgBouncer are started beside an embedded Postgres', 'DATABASE_URL');
}

/** Parses the variable CONVERGE_STACK. */
export function askedStack(value: string | undefined): 'docker' | 'embedded' | undefined {
  switch (value) {
    case undefined:
    case '':
      return undefined;
    case 'docker':
    case 'embedded':
      return value;
    default:
      throw new DevStackError(
        'STACK_SETTING',
        `CONVERGE_STACK is "${value}": set it to docker or embedded, or unset it`,
      );
  }
}
