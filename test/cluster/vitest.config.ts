// The tests that need a whole cluster: `make test-cluster`. One after the other, as each finds what the one before left.
import { resolve } from 'node:path';

import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    root: resolve(import.meta.dirname, '..', '..'),
    include: ['test/cluster/*.spec.ts'],
    fileParallelism: false,
    bail: 1,
    testTimeout: 20 * 60_000,
    hookTimeout: 45 * 60_000,
  },
});
