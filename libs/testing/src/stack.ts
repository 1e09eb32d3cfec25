export interface Stack {
  readonly databaseUrl: string;
  readonly brokers: string;
  readonly chose: 'given' | 'docker' | 'embedded';
  stop(): Promise<void>;
}

export function startStack(_options: { log?: (line: string) => void } = {}): Promise<Stack> {
  const { DATABASE_URL: databaseUrl, KAFKA_BROKERS: brokers } = process.env;
  if (databaseUrl === undefined || brokers === undefined)
    throw new Error('set DATABASE_URL and KAFKA_BROKERS');
  return Promise.resolve({ databaseUrl, brokers, chose: 'given', stop: () => Promise.resolve() });
}
