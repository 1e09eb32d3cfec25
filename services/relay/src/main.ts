/** The relay as a sidecar: publishes the outbox of DATABASE_URL to KAFKA_BROKERS. Settings come from the environment. */
import { run } from '@converge/cli';

process.exit(await run(['relay', ...process.argv.slice(2)]));
