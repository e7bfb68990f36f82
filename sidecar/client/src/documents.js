/** Blueprints: comparing, changing and merging them, and editing one together. */
export { BlueprintStore } from './blueprint.js';
export { checkDiff } from './check.js';
export { diff } from './diff.js';
export { merge } from './merge.js';
export { OptimisticManager } from './optimistic.js';
export { patch } from './patch.js';
export { strip } from './shown.js';
