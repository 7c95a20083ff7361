// The console of a mesh of 1,000 services and 2,000 proxies: what it holds, asks for and is sent, in a real Chromium. What takes
// long is counted here and measured in bench/console.ts.
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { chromiumPath, launchChromium } from './chromium.ts';
import type { ConsoleDaemon } from './console-daemon.ts';
import { startConsoleDaemon } from './console-daemon.ts';
import type { ConsolePage } from './console-page.ts';
import { buildConsole } from './console-build.ts';
import { expectUsable, openPage, picture } from './console-page.ts';
import { largeMesh, largeProxies } from './shop.ts';

describe.skipIf(chromiumPath === undefined)('the console with 1,000 services and 2,000 proxies', () => {
  let browser: Browser;
  let daemon: ConsoleDaemon;
  let opened: ConsolePage;
  beforeAll(async () => {
    await buildConsole();
    browser = await launchChromium();
    daemon = await startConsoleDaemon({ yaml: largeMesh(1000), proxies: largeProxies(2000) });
  }, 90_000);
  afterAll(async () => {
    await browser?.close();
    await daemon?.close();
  });
  afterEach(async () => {
    await opened?.page.context().close();
  });

  interface Asked {
    readonly path: string;
    readonly bytes: number;
  }

  /** The view, and what it asks from then on. */
  async function view(hash: string, shown: string): Promise<{ readonly page: Page; readonly asked: Asked[] }> {
    opened = await openPage(browser);
    const { page } = opened;
    const asked: Asked[] = [];
    page.on('response', async (response) => {
      const path = response.url().split('/console/api/')[1];
      if (path === undefined || path === 'events') return;
      const body = await response.body().catch(() => Buffer.alloc(0));
      asked.push({ path, bytes: body.length });
    });
    await page.goto(`${daemon.url}${hash}`);
    await page.locator(shown).first().waitFor({ timeout: 60_000 });
    await page.locator('.live.on').waitFor();
    await page.waitForTimeout(300);
    return { page, asked };
  }

  /** Elements in the page: what a browser's work grows with. */
  const elements = (page: Page): Promise<number> => page.evaluate<number>('document.querySelectorAll("*").length');

  test.each([
    ['graph', '#/', 'svg .node'],
    ['namespace', '#/?namespace=team-3', 'svg .node'],
    ['proxies', '#/proxies', 'tbody tr'],
    ['proxy', '#/proxy/proxy-7.team-7?kind=route&name=80', '.tree li'],
    ['objects', '#/objects', 'tbody tr'],
    ['object', '#/object/VirtualService/team-3/service-3', '.columns'],
    ['found', '#/proxy/proxy-7.team-7?search=service', '.hits li'],
  ] as const)(
    '%s holds few elements, and is sent little',
    async (name, hash, shown) => {
      const { page, asked } = await view(hash, shown);
      await picture(page, `large-${name}`);
      expect(await elements(page)).toBeLessThan(2500);
      for (const { path, bytes } of asked) expect(`${path} ${bytes > 60_000}`).toBe(`${path} false`);
      expect(opened.complaints).toEqual([]);
    },
    90_000,
  );

  test('an opened branch asks for its own lines only, a stretch of them', async () => {
    const { page, asked } = await view('#/proxy/proxy-7.team-7?kind=route&name=80', '.tree li');
    asked.length = 0;
    await page.getByRole('button', { name: 'virtual_hosts 1001' }).click();
    const lines = page.locator('.tree ul ul > li');
    await expect.poll(() => lines.count()).toBe(50);
    await expect.poll(() => asked.length).toBe(1);
    expect(asked[0]?.path).toContain('field=virtual_hosts');
    expect(asked[0]?.bytes).toBeLessThan(10_000);
    await page.locator('.tree').getByRole('button', { name: 'Next' }).click();
    await page.getByRole('button', { name: /^\[50\]/ }).click();
    await expect.poll(() => asked.length).toBe(3);
    await page.locator('.tree').getByText('Service team-').first().waitFor();
    await expectUsable(page);
    expect(Math.max(...asked.map(({ bytes }) => bytes))).toBeLessThan(10_000);
  }, 60_000);

  test('the way to a field is opened, with a stretch of each list on it', async () => {
    const field = 'virtual_hosts[700].routes[0].route.cluster';
    const { page, asked } = await view(`#/proxy/proxy-7.team-7?kind=route&name=80&field=${field}`, '.tree .wanted');
    expect(await page.locator('.tree .wanted').innerText()).toContain('outbound|80||service-');
    expect(await page.locator('.tree li').count()).toBeLessThan(100);
    expect(asked.filter(({ path }) => path.startsWith('branch')).every(({ bytes }) => bytes < 15_000)).toBe(true);
  }, 60_000);

  test('a search shows names at once, and goes on inside', async () => {
    const { page, asked } = await view('#/proxy/proxy-7.team-7', '.names li');
    asked.length = 0;
    await page.getByRole('searchbox').fill('service-7.team-7');
    await page.getByText('9 lines found', { exact: true }).waitFor({ timeout: 60_000 });
    const searches = asked.filter(({ path }) => path.startsWith('search'));
    expect(searches[0]?.path).not.toContain('after');
    expect(searches.slice(1).every(({ path }) => path.includes('after='))).toBe(true);
    expect(Math.max(...searches.map(({ bytes }) => bytes))).toBeLessThan(10_000);
  }, 90_000);

  test('shows a page of fifty rows, and only those of another when one turns it', async () => {
    const { page } = await view('#/proxies', 'tbody tr');
    const rows = page.locator('tbody tr');
    await expect.poll(() => rows.count()).toBe(50);
    await page.getByRole('button', { name: 'Next' }).click();
    await page.getByText('51–100 of 2,000').waitFor();
    expect(await rows.count()).toBe(50);
  });

  test('asks once for what is typed, and as often for who types fast as for who does not', async () => {
    const { page, asked } = await view('#/proxies', 'tbody tr');
    asked.length = 0;
    await page.evaluate(`{
      const field = document.querySelector('input[type=search]');
      for (let i = 1; i <= 10; i++) {
        field.value = 'proxy-1999'.slice(0, i);
        field.dispatchEvent(new Event('input', { bubbles: true }));
      }
    }`);
    await expect.poll(() => page.locator('tbody tr').count()).toBe(1);
    expect(asked.filter(({ path }) => path.startsWith('proxies')).length).toBeLessThanOrEqual(2);
  });

  test('asks once for what it shows, and again only for news', async () => {
    const { asked } = await view('#/proxies', 'tbody tr');
    const count = (): number => asked.filter(({ path }) => path.startsWith('proxies')).length;
    const quiet = count();
    expect(quiet).toBeLessThanOrEqual(2);
    for (let i = 0; i < 500; i++) daemon.history.touch();
    await expect.poll(count, { timeout: 20_000 }).toBeGreaterThan(quiet);
    expect(count()).toBeLessThanOrEqual(quiet + 2);
  });
});
