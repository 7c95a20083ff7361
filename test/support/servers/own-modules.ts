// Modules as if the control plane had fetched them: each is one of ours, whatever its address.
import type { Modules } from '../../../src/model/external/module-source.ts';

import { headerModule } from './wasm-module.ts';

export const ownModules: Modules = {
  states: {
    get: () => ({ kind: 'ready', sha256: '0'.repeat(64), bytes: headerModule({ header: ['x', 'y'] }) }),
  } as unknown as Modules['states'],
};
