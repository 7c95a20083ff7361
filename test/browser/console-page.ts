// A page of the console in a browser: opened without anything it complains about, looked over by axe, and kept as a picture.
import { mkdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';

import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { expect } from 'vitest';

const screenshots = join(import.meta.dirname, 'screenshots');
await mkdir(screenshots, { recursive: true });
const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export interface ConsolePage {
  readonly page: Page;
  /** What the browser complained about: errors of the page, and what its policy kept out. */
  readonly complaints: readonly string[];
}

export const wide: BrowserContextOptions = { viewport: { width: 1360, height: 860 }, colorScheme: 'light' };
export const dark: BrowserContextOptions = { ...wide, colorScheme: 'dark' };
export const phone: BrowserContextOptions = { viewport: { width: 390, height: 844 }, colorScheme: 'light' };

/** Milliseconds. */
const patience = 20_000;

export async function openPage(browser: Browser, options: BrowserContextOptions = wide): Promise<ConsolePage> {
  const context = await browser.newContext({ ...options, reducedMotion: 'reduce' });
  const page = await context.newPage();
  page.setDefaultTimeout(patience);
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  page.on('requestfailed', (request) => {
    const reason = request.failure()?.errorText ?? '';
    // A view that is left no longer wants its answers.
    if (reason !== 'net::ERR_ABORTED') complaints.push(`${request.url()} ${reason}`);
  });
  return { page, complaints };
}

interface Violation {
  readonly id: string;
  readonly impact: string | null;
  readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[];
}

/** Nothing that keeps anybody from using it; and nothing that has to be scrolled to the side. */
export async function expectUsable(page: Page): Promise<void> {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() =>
    (globalThis as unknown as { axe: { run(): Promise<{ violations: Violation[] }> } }).axe.run(),
  );
  const told = violations.flatMap(({ id, impact, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${impact} ${id}: ${html.slice(0, 160)} ${failureSummary ?? ''}`),
  );
  expect(told.filter((each) => !each.startsWith('minor'))).toEqual([]);
  const overflow = await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
  expect(overflow).toBeLessThanOrEqual(0);
}

export const picture = async (page: Page, name: string): Promise<void> =>
  void (await page.screenshot({ path: join(screenshots, `${name}.png`), fullPage: true }));
