/** The environment variables of a process. */
type Variables = Readonly<Record<string, string | undefined>>;

export interface DevServers {
  readonly databaseUrl: string;
  /** A free port, for a service that does not choose its own. */
  readonly healthPort: number;
}

/** What the process of a service gets: the given environment, completed for development (pure). */
export function devEnvironment(env: Variables, { databaseUrl, healthPort }: DevServers): Variables {
  const onKafka = (env['KAFKA_BROKERS'] ?? '') !== '';
  return {
    NODE_ENV: 'development',
    // One line for each event that takes effect.
    LOG_LEVEL: 'debug',
    CONVERGE__HEALTH__PORT: String(healthPort),
    ...(onKafka ? {} : { CONVERGE__BROKER: 'local' }),
    ...env,
    DATABASE_URL: databaseUrl,
  };
}

/** What a shell needs so that the commands see what the service does. */
export function exportOf(env: Variables): string {
  const names = ['DATABASE_URL', 'CONVERGE__BROKER'].filter((name) => env[name] !== undefined);
  return `export ${names.map((name) => `${name}=${env[name] ?? ''}`).join(' ')}`;
}

/** The words for where events are. */
export function brokerOf(env: Variables): string {
  const brokers = env['KAFKA_BROKERS'] ?? '';
  return brokers === '' ? 'Postgres (set KAFKA_BROKERS for Kafka)' : `Kafka at ${brokers}`;
}
