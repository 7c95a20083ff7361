// Every view of the console in a real Chromium: what it shows, that nothing keeps anybody from using it, and that it asks
// for nothing but what it shows.
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { chromiumPath, launchChromium } from './chromium.ts';
import type { ConsoleDaemon } from './console-daemon.ts';
import { startConsoleDaemon } from './console-daemon.ts';
import type { ConsolePage } from './console-page.ts';
import { buildConsole } from './console-build.ts';
import { dark, expectUsable, openPage, phone, picture, wide } from './console-page.ts';
import { shop, shopProxies } from './shop.ts';

if (chromiumPath === undefined) process.stderr.write('No Chromium (set CHROMIUM): the console is not tested.\n');

describe.skipIf(chromiumPath === undefined)('the console', () => {
  let browser: Browser;
  let daemon: ConsoleDaemon;
  let opened: ConsolePage;
  beforeAll(async () => {
    await buildConsole();
    browser = await launchChromium();
    daemon = await startConsoleDaemon({ yaml: shop, proxies: shopProxies });
  });
  afterAll(async () => {
    await browser?.close();
    await daemon?.close();
  });
  afterEach(async () => {
    await opened?.page.context().close();
  });

  async function view(hash: string, options = wide): Promise<Page> {
    opened = await openPage(browser, options);
    await opened.page.goto(`${daemon.url}${hash}`);
    return opened.page;
  }

  const focused = (page: Page): Promise<string> => page.evaluate<string>('document.activeElement.innerText');

  const text = (page: Page, selector: string): Promise<readonly string[]> => page.locator(selector).allInnerTexts();

  const views: readonly (readonly [name: string, hash: string, shown: string])[] = [
    ['mesh', '#/', 'svg .node'],
    ['proxies', '#/proxies', 'tbody tr'],
    ['proxy', '#/proxy/web-v1.shop?kind=route&name=80', '.tree .source:visible'],
    ['found', '#/proxy/web-v1.shop?search=canary', '.hits li'],
    ['rejecting', '#/proxy/ledger-v1.bank', '.remedy'],
    ['objects', '#/objects', 'tbody tr'],
    ['object', '#/object/VirtualService/shop/catalog', '.columns'],
    ['without effect', '#/object/PeerAuthentication/tools/elsewhere', '.problems li'],
    ['problems', '#/problems', '.problems li'],
    ['trace', '#/trace?from=web-v1.shop&method=GET&url=http%3A%2F%2Fcatalog%2Fitems', '.steps li'],
    ['diff', '#/diff', 'textarea'],
    ['pushes', '#/pushes', 'tbody tr'],
    ['certificates', '#/certificates', 'meter'],
  ];

  describe.each([
    ['light', wide],
    ['dark', dark],
    ['phone', phone],
  ] as const)('%s', (look, options) => {
    test.each(views)('%s', async (name, hash, shown) => {
      const page = await view(hash, options);
      await page.locator(shown).first().waitFor();
      await page.locator('.live.on').waitFor();
      await expectUsable(page);
      await picture(page, `${name}-${look}`);
      expect(opened.complaints).toEqual([]);
    });
  });

  test('shows the mesh as a graph that can be walked by keyboard', async () => {
    const page = await view('#/');
    const node = page.getByRole('button', { name: /^orders/ });
    await node.focus();
    await page.keyboard.press('Enter');
    const panel = page.locator('.node-panel');
    await panel.getByRole('heading', { name: 'orders' }).waitFor();
    await panel.getByText('permissive').waitFor();
    await panel.getByText('VirtualService shop/orders').first().waitFor();
    await panel.getByRole('button', { name: 'payments' }).focus();
    await page.keyboard.press('Enter');
    await panel.getByText('strict').waitFor();
    expect(await page.locator('svg .edge').count()).toBe(6);
  });

  test('names who is in trouble before anything is chosen', async () => {
    const page = await view('#/');
    const panel = page.locator('.node-panel');
    await panel.getByText('tools, none of 1 up').waitFor();
    await panel.getByRole('button', { name: 'mailer' }).click();
    await panel.getByRole('heading', { name: 'mailer' }).waitFor();
  });

  test.each(views)('%s can be used by keyboard alone', async (_name, hash, shown) => {
    const page = await view(hash);
    await page.locator(shown).first().waitFor();
    await page.locator('.live.on').waitFor();
    await page.keyboard.press('Tab');
    expect(await focused(page)).toContain('Skip to content');
    await page.keyboard.press('Enter');
    expect(await page.evaluate<string>('document.activeElement.id')).toBe('main');
    const controls = await page.evaluate<number>(`{
      globalThis.reached = new Set();
      document.addEventListener('focusin', ({ target }) => {
        if (getComputedStyle(target).outlineStyle !== 'none' || target.matches('.node')) globalThis.reached.add(target);
      });
      [...document.querySelectorAll('main :is(a[href], button:enabled, input, select, textarea, summary, .node)')]
        .filter((each) => each.checkVisibility()).length;
    }`);
    const few = Math.min(25, controls);
    for (let i = 0; i < few; i++) await page.keyboard.press('Tab');
    expect(await page.evaluate<number>('globalThis.reached.size')).toBe(few);
  });

  test('opens a branch by keyboard, and says what to do about a problem', async () => {
    const page = await view('#/proxy/web-v1.shop?kind=route&name=80');
    const branch = page.getByRole('button', { name: /^domains/ }).first();
    await branch.focus();
    await page.keyboard.press('Enter');
    await page.locator('.tree').getByText('cart.shop', { exact: true }).waitFor();
    expect(await branch.getAttribute('aria-expanded')).toBe('true');
    await page.goto(`${daemon.url}#/problems`);
    await page.getByText('unknown-field – what to do').click();
    await page.getByText('The object is left out.').waitFor();
    await expectUsable(page);
  });

  test('leads from a rejection to the object behind it, and from that to its lines', async () => {
    const page = await view('#/proxies');
    await page.getByRole('link', { name: 'ledger-v1.bank' }).click();
    await page.getByRole('heading', { name: 'What it does not take' }).waitFor();
    await page.getByText('virtualInbound, most likely because of').waitFor();
    await page.goto(`${daemon.url}#/object/VirtualService/shop/catalog`);
    await page.getByRole('link', { name: 'web-v1.shop' }).click();
    await page.locator('.hits li', { hasText: 'num_retries' }).getByRole('link').first().click();
    await page.locator('.tree .wanted').waitFor();
  });

  test('puts proxies with trouble first, and finds them by state and name', async () => {
    const page = await view('#/proxies');
    await page.locator('tbody tr').first().waitFor();
    expect((await text(page, 'tbody tr td:first-child')).slice(0, 2)).toEqual(['ledger-v1.bank', 'cart-v1.shop']);
    await page.getByLabel('State').selectOption('rejecting');
    await page.getByText("didn't find a filter").waitFor();
    await expect.poll(() => page.locator('tbody tr').count()).toBe(1);
    await page.getByLabel('State').selectOption('');
    await page.getByRole('searchbox').fill('catalog-v2');
    await expect.poll(() => text(page, 'tbody tr td:first-child')).toEqual(['catalog-v2.shop']);
  });

  test("shows a proxy's configuration with the object behind a line, which leads to the object", async () => {
    const page = await view('#/proxy/web-v1.shop');
    await page.getByRole('searchbox').fill('retries');
    const hit = page.locator('.hits li', { hasText: 'num_retries' }).filter({ hasText: 'shop/catalog spec' });
    await hit.getByText('3', { exact: true }).waitFor();
    await hit.getByRole('link').first().click();
    const line = page.locator('.tree .wanted');
    await line.getByText('num_retries').waitFor();
    await page
      .locator('.tree')
      .getByRole('link', { name: 'VirtualService shop/catalog spec.http[0].retries' })
      .first()
      .click();
    await page.getByRole('heading', { name: 'catalog', level: 1 }).waitFor();
    await page.getByText('live on 8 of 8 proxies').waitFor();
  });

  test('traces a request from its form', async () => {
    const page = await view('#/trace');
    await page.getByLabel('From').fill('orders-v1.shop');
    await page.getByLabel('URL').fill('http://payments.bank/');
    await page.getByRole('button', { name: 'Trace' }).click();
    await page.getByRole('heading', { name: 'Received by ledger-v1.bank' }).waitFor();
    expect(page.url()).toContain('from=orders-v1.shop');
    await page.getByLabel('From').fill('nobody.shop');
    await page.getByRole('button', { name: 'Trace' }).click();
    await page.getByRole('alert').getByText("the proxy 'nobody.shop' is not connected").waitFor();
  });

  test('tells what a dropped manifest would change, and changes nothing', async () => {
    const page = await view('#/diff');
    const manifest = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: cart, namespace: shop }
spec: { hosts: [cart], http: [{ timeout: 7s, route: [{ destination: { host: cart } }] }] }
`;
    const version = daemon.mesh.snapshot.version;
    await page.evaluate(
      `{
        const dropped = new DataTransfer();
        dropped.items.add(new File([${JSON.stringify(manifest)}], 'cart.yaml'));
        document.querySelector('form.drop').dispatchEvent(new DragEvent('drop', { dataTransfer: dropped, bubbles: true }));
      }`,
    );
    await page.getByRole('heading', { name: '8 of 9 proxies change' }).waitFor();
    await page.locator('ins', { hasText: '7s' }).first().waitFor();
    await picture(page, 'diff-answer');
    await expectUsable(page);
    expect(daemon.mesh.snapshot.version).toBe(version);
    await page.locator('textarea').fill('kind: [');
    await page.getByRole('button', { name: 'Compare' }).click();
    await page.locator('.problems .bad').first().waitFor();
  });

  test('is up to date after a change, without being asked', async () => {
    const page = await view('#/pushes');
    await page.locator('tbody tr').first().waitFor();
    const before = await page.locator('tbody tr').count();
    daemon.history.sent('', 3, 4200);
    await daemon.replace(shop.replace('timeout: 5s', 'timeout: 6s'));
    daemon.history.sent('', 3, 4200);
    daemon.history.settled('', true, 0);
    await expect.poll(() => page.locator('tbody tr').count()).toBeGreaterThan(before);
    await page.getByText('changed VirtualService shop/front').waitFor();
    await page.getByText('4.2 kB').first().waitFor();
    await daemon.replace(shop);
  });

  test('remembers whether it is to be dark', async () => {
    const page = await view('#/');
    await page.getByRole('button', { name: 'Dark or light' }).click();
    await page.reload();
    expect(await page.evaluate<string>('getComputedStyle(document.documentElement).colorScheme')).toBe('dark');
  });

  describe('asked under a name that is not its own', () => {
    const stranger = (): string => daemon.url.replace('127.0.0.1', 'stranger.test');
    async function enter(token: string): Promise<Page> {
      opened = await openPage(browser);
      const { page } = opened;
      await page.goto(stranger());
      await page.getByLabel('Token').fill(token);
      await page.getByRole('button', { name: 'Enter' }).click();
      return page;
    }

    test('shows nothing without a token', async () => {
      const page = await enter('whatever');
      await page.getByRole('heading', { name: 'Who is asking?' }).waitFor();
      await expectUsable(page);
      await picture(page, 'login');
      expect(await page.locator('.tile').count()).toBe(0);
    });

    test('shows the mesh to the system, and to others their own proxies', async () => {
      await (await enter('token-of-istio-system')).locator('svg .node').first().waitFor();
      await opened.page.context().close();
      const page = await enter('token-of-bank');
      await page.getByText('1 / 2').waitFor();
      expect(await page.locator('svg .node').count()).toBe(0);
      await page.goto(`${stranger()}#/proxy/web-v1.shop`);
      await page.getByRole('alert').getByText('not connected').waitFor();
      await page.goto(`${stranger()}#/objects`);
      await page.getByRole('alert').getByText('system namespace').waitFor();
    });
  });
});
