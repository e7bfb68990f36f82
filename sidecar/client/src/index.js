/** Everything. What needs the core alone takes it from core.js. */
export * from './core.js';
