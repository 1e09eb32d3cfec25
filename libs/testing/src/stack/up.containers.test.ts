import { describe } from 'vitest';
import { stackTests } from '../fixture/up-scene.ts';

describe('node infra/stack/main.ts, in Docker', () => stackTests('docker'));
