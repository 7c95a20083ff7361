import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Two cores are enough for everybody: Envoys and servers of several files at once would starve each other.
    maxWorkers: 2,
    // Many wait for Envoys and API servers, which on a machine that does much else take their time.
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
