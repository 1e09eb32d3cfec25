import { expect, it } from 'vitest';
import { findJava, javaMajor } from './java.ts';

it.each([
  ['openjdk version "17.0.15" 2025-04-15', 17],
  ['java version "1.8.0_402"', 8],
  ['openjdk version "21" 2023-09-19', 21],
  ['Picked up _JAVA_OPTIONS: -Xmx1g\nopenjdk version "25.0.1" 2025-10-21 LTS', 25],
  ['command not found', undefined],
])('the major version of Java is read from %j', (output, major) => {
  expect(javaMajor(output)).toBe(major);
});

it('a missing Java is reported in one sentence with what to install', async () => {
  await expect(findJava({ what: 'Kafka', env: { PATH: '/nowhere' } })).rejects.toMatchObject({
    code: 'JAVA_MISSING',
    message: expect.stringMatching(/^Kafka runs on Java and `java` was not found: install a Java runtime 17/),
  });
});
