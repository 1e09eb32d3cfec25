import { fileURLToPath } from 'node:url';
import { type JavaJars, mavenJars } from '../../maven-jars.ts';

export type DebeziumJars = JavaJars;

const POM = fileURLToPath(new URL('../debezium/pom.xml', import.meta.url));

/** Kafka Connect and Debezium, fetched by Maven once. Rejects with what to install when Java or Maven is missing. */
export function debeziumJars(folder: string, say: (line: string) => void): Promise<DebeziumJars> {
  return mavenJars({ pom: POM, folder, what: 'Kafka Connect and Debezium', megabytes: 60, say });
}
