// The console of a control plane of three replicas, one of which does not answer: what the others know is shown with whose it
// is, and every view says what is missing in it.
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import type { Push } from '../../src/model/proxy/push.ts';
import { chromiumPath, launchChromium } from './chromium.ts';
import { buildConsole } from './console-build.ts';
import type { ConsoleDaemon } from './console-daemon.ts';
import { startConsoleDaemon } from './console-daemon.ts';
import type { ConsolePage } from './console-page.ts';
import { dark, expectUsable, openPage, phone, picture, wide } from './console-page.ts';
import { shop, shopProxies } from './shop.ts';

const elsewhere: Push = {
  id: 1,
  at: Date.now() + 3600_000,
  causes: [{ change: 'changed', object: { kind: 'VirtualService', namespace: 'shop', name: 'catalog' } }],
  more: 0,
  responses: 12,
  resources: 12,
  bytes: 3400,
  rejected: 0,
  open: 0,
  settledAfter: 41,
};
const answer = { proxies: [], rejections: [], held: {}, pushes: [elsewhere] };
/** Of a version that does not tell what it sent. */
const older = { proxies: [], rejections: [], held: {} };

describe.skipIf(chromiumPath === undefined)('the console of several replicas', () => {
  let browser: Browser;
  let daemon: ConsoleDaemon;
  let opened: ConsolePage;
  beforeAll(async () => {
    await buildConsole();
    browser = await launchChromium();
    const answers = new Map([
      ['istiod-2', answer],
      ['istiod-4', older],
    ]);
    daemon = await startConsoleDaemon({ yaml: shop, proxies: shopProxies, peers: { answers, silent: ['istiod-3'] } });
  });
  afterAll(async () => {
    await browser?.close();
    await daemon?.close();
  });
  afterEach(async () => {
    await opened?.page.context().close();
  });

  async function view(hash: string, options: BrowserContextOptions = wide): Promise<Page> {
    opened = await openPage(browser, options);
    await opened.page.goto(`${daemon.url}${hash}`);
    return opened.page;
  }

  test.each([
    ['mesh', '#/', dark],
    ['proxies', '#/proxies', wide],
    ['proxy', '#/proxy/web-v1.shop', wide],
    ['objects', '#/objects', wide],
    ['object', '#/object/VirtualService/shop/catalog', phone],
    ['problems', '#/problems', wide],
    ['trace', '#/trace?from=web-v1.shop&method=GET&url=http%3A%2F%2Fcatalog%2Fitems', wide],
    ['certificates', '#/certificates', wide],
  ] as const)('%s says whose proxies are missing', async (_name, hash, options) => {
    const page = await view(hash, options);
    await page.getByRole('alert').getByText('the replica istiod-3 does not answer: its proxies are missing').waitFor();
    await expectUsable(page);
    expect(await page.getByRole('alert').count()).toBe(1);
    expect(opened.complaints).toEqual([]);
  });

  test('a comparison says whose proxies it does not know', async () => {
    const page = await view('#/diff');
    expect(await page.getByRole('alert').count()).toBe(0);
    await page.locator('textarea').fill('kind: VirtualService');
    await page.getByRole('button', { name: 'Compare' }).click();
    await page.getByRole('alert').getByText('istiod-3 does not answer').waitFor();
  });

  test.each([
    ['light', wide],
    ['phone', phone],
  ] as const)('pushes of all replicas are shown with who sent them (%s)', async (look, options) => {
    const page = await view('#/pushes', options);
    await page.getByRole('alert').getByText('istiod-3 does not answer: what it sent is missing').waitFor();
    const rows = page.locator('tbody tr');
    expect(await rows.nth(0).locator('[data-head="Sent by"]').innerText()).toContain('istiod-2');
    expect(await rows.nth(0).innerText()).toContain('3.4 kB');
    expect(await rows.nth(1).locator('[data-head="Sent by"]').innerText()).toContain('istiod-1');
    expect(await rows.count()).toBe(2);
    await expectUsable(page);
    await picture(page, `pushes-replicas-${look}`);
    await page.getByRole('searchbox').fill('catalog');
    await expect.poll(() => rows.count()).toBe(2);
  });
});
