// What a user types, word for word: the image is built by its Dockerfile, a kind cluster of three nodes is made, and the
// demonstration is shown in it. Stand-ins have the names of the public images.
import { afterAll, describe, expect, it } from 'vitest';

import { isDockerRunning, startDocker, stopDocker } from '../../scripts/cluster/docker.ts';
import { images, makeImages } from '../../scripts/cluster/images.ts';
import { asUser } from '../../scripts/cluster/kind.ts';
import { nodeImage } from '../../scripts/cluster/node-image.ts';
import { missingForCluster, missingForContainers } from '../../scripts/cluster/platform.ts';
import { demoImages, makeStandIns } from '../../scripts/cluster/stand-ins.ts';

const report = (line: string): void => void process.stderr.write(`${line}\n`);

const wasRunning = await isDockerRunning().catch(() => false);
const missing = (await missingForCluster()) ?? (await missingForContainers());
if (missing !== undefined) report(`The commands for a kind cluster are not tried: ${missing}.`);

describe.skipIf(missing !== undefined)('in a kind cluster', () => {
  let NODE_IMAGE = '';
  const make = (...targets: readonly string[]): Promise<string> =>
    asUser('make', ['--no-print-directory', ...targets], { env: { NODE_IMAGE }, timeoutMs: 20 * 60_000 });
  afterAll(async () => {
    await make('kind-down');
    if (!wasRunning) await stopDocker();
  });

  it('builds the image by the Dockerfile', async () => {
    await startDocker();
    NODE_IMAGE = await nodeImage(report);
    await makeStandIns(report);
    await makeImages(report, ['envoy']);
    await make('image');
    const printed = await asUser('docker', [
      'run',
      '--rm',
      '--read-only',
      images.keelson,
      'manifests',
      '--crds',
      'none',
    ]);
    expect(printed).toContain('name: istiod');
  });

  it('makes a cluster, installs, and shows a canary', async () => {
    await make('kind-up');
    for (const image of [images.envoy, ...Object.values(demoImages)])
      await asUser('kind', ['load', 'docker-image', image, '--name', 'keelson']);
    const shown = await make('kind-demo');
    report(shown.slice(shown.indexOf('A hundred requests')));
    const counted = [...shown.matchAll(/^ *(\d+) (v1|v2)$/gm)].map(([, count]) => Number(count));
    expect(counted).toHaveLength(4);
    expect(counted.reduce((one, other) => one + other)).toBe(200);
    expect(shown.split('outside the mesh')[1]).not.toMatch(/v1|v2/);
  });
});
