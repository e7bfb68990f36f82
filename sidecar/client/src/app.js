/** What the application's screens show, kept up to date. */
export { Cache } from './app/cache.js';
