import { dropDatabases } from '../libs/testing/src/database.ts';
import { afterAll, inject } from 'vitest';

// Vitest runs this file before each file of tests on the stack; its hook is the last of the file. A run makes a thousand databases
// of eleven megabytes and nine hundred files each.
afterAll(() => dropDatabases(inject('stack').databaseUrl));
