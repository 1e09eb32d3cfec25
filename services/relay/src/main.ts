/**
 * The relay as a sidecar: publishes the outbox of DATABASE_URL, or those of CONVERGE__RELAY__SOURCES__<NAME>, to
 * KAFKA_BROKERS. Settings come from the environment.
 */
import { converge } from 'convergekit/process';

process.exit(await converge(['relay', ...process.argv.slice(2)]));
