// How long the console takes in a real Chromium when the mesh is large: until a view is there, and from what one does until it
// is on the screen. Medians and the worst of several times.
import { loadavg } from 'node:os';

import type { Browser, Page } from 'playwright-core';

import { chromiumPath, launchChromium } from '../test/browser/chromium.ts';
import { startConsoleDaemon } from '../test/browser/console-daemon.ts';
import { buildConsole } from '../test/browser/console-build.ts';
import { largeMesh, largeProxies } from '../test/browser/shop.ts';

const times = Number(process.env['TIMES'] ?? 7);
const [services = 1000, proxies = 2000] = process.argv.slice(2).map(Number);

/** In the page: when something that is looked for was first painted after `begin`. */
const stopwatch = `
  globalThis.watched = (isThere, begin) => new Promise((resolve) => {
    const painted = () => requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - begin)));
    if (isThere()) return painted();
    const observer = new MutationObserver(() => {
      if (!isThere()) return;
      observer.disconnect();
      painted();
    });
    observer.observe(document, { childList: true, subtree: true, characterData: true, attributes: true });
  });
`;

const views: readonly (readonly [name: string, hash: string, shown: string])[] = [
  ['mesh', '#/', 'svg .node'],
  ['one namespace', '#/?namespace=team-3', 'svg .node'],
  ['proxies', '#/proxies', 'tbody tr'],
  ['a proxy', '#/proxy/proxy-7.team-7?kind=route&name=80', '.tree li'],
  ['objects', '#/objects', 'tbody tr'],
  ['problems', '#/problems', 'main h1'],
  ['pushes', '#/pushes', 'main h1'],
  ['certificates', '#/certificates', 'meter'],
];

interface Interaction {
  readonly name: string;
  readonly hash: string;
  readonly ready: string;
  /** In the page: what it is done to, and what was there before; not measured. */
  readonly prepare: string;
  /** In the page: does it. */
  readonly act: string;
  /** In the page: whether it is there. */
  readonly done: string;
}

const typed = {
  prepare: `const field = document.querySelector('input[type=search]');`,
  act: (text: string): string =>
    `field.value = ${JSON.stringify(text)}; field.dispatchEvent(new Event('input', { bubbles: true }));`,
};
/** `textContent`: anything that asks for the layout would be measured as well. */
const first = `document.querySelector('tbody tr td:first-child')?.textContent`;

const interactions: readonly Interaction[] = [
  {
    name: 'another view: proxies',
    hash: '#/',
    ready: 'svg .node',
    prepare: `const link = document.querySelector('nav a[href="#/proxies"]');`,
    act: `link.click();`,
    done: `document.querySelector('tbody tr')`,
  },
  {
    name: 'proxies: a name is typed',
    hash: '#/proxies',
    ready: 'tbody tr',
    prepare: typed.prepare,
    act: typed.act('proxy-1999'),
    done: `${first} === 'proxy-1999.team-19'`,
  },
  {
    name: 'proxies: a state is chosen',
    hash: '#/proxies',
    ready: 'tbody tr',
    prepare: `const choice = document.querySelector('select');`,
    act: `choice.value = 'rejecting'; choice.dispatchEvent(new Event('change', { bubbles: true }));`,
    done: `!document.querySelector('tbody tr')`,
  },
  {
    name: 'proxies: the next page',
    hash: '#/proxies',
    ready: 'tbody tr',
    prepare: `const before = ${first}; const button = document.querySelector('.pager button:last-child');`,
    act: `button.click();`,
    done: `(${first} ?? before) !== before`,
  },
  {
    name: 'proxies: one is opened',
    hash: '#/proxies',
    ready: 'tbody tr',
    prepare: `const link = document.querySelector('tbody tr a');`,
    act: `link.click();`,
    done: `document.querySelector('main h1')?.textContent.startsWith('proxy-') && document.querySelector('.facts')`,
  },
  {
    name: 'a proxy: a branch is opened',
    hash: '#/proxy/proxy-7.team-7?kind=route&name=80',
    ready: '.tree [aria-expanded=false]',
    prepare: `const before = document.querySelectorAll('.tree li').length;
              const branch = document.querySelector('.tree [aria-expanded=false]');`,
    act: `branch.click();`,
    done: `document.querySelectorAll('.tree li').length > before`,
  },
  {
    name: 'a proxy: its configuration is searched',
    hash: '#/proxy/proxy-7.team-7',
    ready: 'input[type=search]',
    prepare: typed.prepare,
    act: typed.act('service-7.team-7'),
    done: `document.querySelector('.hits li')`,
  },
  {
    name: 'objects: a name is typed',
    hash: '#/objects',
    ready: 'tbody tr',
    prepare: typed.prepare,
    act: typed.act('service-999'),
    done: `document.querySelectorAll('tbody tr').length === 1`,
  },
  {
    name: 'objects: one is opened',
    hash: '#/objects',
    ready: 'tbody tr',
    prepare: `const link = document.querySelector('tbody tr a');`,
    act: `link.click();`,
    done: `document.querySelector('.conditions')`,
  },
  {
    name: 'mesh: a namespace is chosen',
    hash: '#/',
    ready: 'svg .node',
    prepare: `const choice = document.querySelector('.mesh select');`,
    act: `choice.value = 'team-3'; choice.dispatchEvent(new Event('change', { bubbles: true }));`,
    done: `document.querySelectorAll('svg .node').length > 30`,
  },
];

async function opened(browser: Browser): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1360, height: 860 }, reducedMotion: 'reduce' });
  const page = await context.newPage();
  await page.addInitScript(stopwatch);
  return page;
}

async function view(browser: Browser, url: string, shown: string): Promise<number> {
  const page = await opened(browser);
  await page.goto(url, { waitUntil: 'commit' });
  const took = await page.evaluate<number>(`watched(() => document.querySelector(${JSON.stringify(shown)}), 0)`);
  await page.context().close();
  return took;
}

async function interaction(browser: Browser, url: string, interaction: Interaction): Promise<number> {
  const { hash, ready, prepare, act, done } = interaction;
  const page = await opened(browser);
  await page.goto(`${url}${hash}`);
  await page.locator(ready).first().waitFor();
  await page.locator('.live.on').waitFor();
  await page.waitForLoadState('networkidle', { timeout: 2000 }).catch(() => {});
  const took = await page.evaluate<number>(`{
    ${prepare}
    const begin = performance.now();
    ${act}
    watched(() => ${done}, begin);
  }`);
  await page.context().close();
  return took;
}

function told(name: string, taken: readonly number[]): void {
  const sorted = taken.toSorted((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0;
  process.stdout.write(
    `${name.padEnd(42)}${median.toFixed(0).padStart(8)}${(sorted.at(-1) ?? 0).toFixed(0).padStart(8)}\n`,
  );
}

async function several(run: () => Promise<number>): Promise<readonly number[]> {
  const taken: number[] = [];
  for (let i = 0; i < times; i++) taken.push(await run());
  return taken;
}

const load = (): string => loadavg()[0]?.toFixed(1) ?? '';

if (chromiumPath === undefined) throw new Error('there is no Chromium: set CHROMIUM');
await buildConsole();
const daemon = await startConsoleDaemon({ yaml: largeMesh(services), proxies: largeProxies(proxies), served: true });
const browser = await launchChromium();
process.stdout.write(
  `${services} services, ${proxies} proxies, ${times} times, load ${load()}; ms:${'median'.padStart(8)}${'worst'.padStart(8)}\n`,
);
try {
  for (const [name, hash, shown] of views)
    told(`first view: ${name}`, await several(() => view(browser, `${daemon.url}${hash}`, shown)));
  for (const each of interactions) told(each.name, await several(() => interaction(browser, daemon.url, each)));
  process.stdout.write(`load at the end ${load()}\n`);
} finally {
  await browser.close();
  await daemon.close();
}
