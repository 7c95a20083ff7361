// The console: a page that shows what the daemon knows, and changes nothing.
import { render } from 'preact';

import { App } from './app.tsx';
import { applyTheme } from './theme.ts';

applyTheme();
render(<App />, document.body);
